// SPDX-License-Identifier: Apache-2.0
#include "control/pool.h"

#include <algorithm>
#include <future>
#include <utility>

namespace vireo {
namespace {

constexpr auto quiet = std::chrono::milliseconds(10);  // longer than a start takes

}  // namespace

Pool::Pool(Fabric& fabric, Clock& clock, std::vector<Stock> stocks, unsigned size,
           std::chrono::seconds keep)
    : fabric_(fabric), clock_(clock), size_(size), keep_(keep) {
  for (Stock& stock : stocks) {
    shelves_.emplace_back();
    shelves_.back().stock = std::move(stock);
  }
  if (size_ > 0) thread_ = std::thread([this] { run(); });
}

Pool::~Pool() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  for (Shelf& shelf : shelves_)
    for (const Place& place : shelf.places) discard(*shelf.stock.driver, place);
  discard(programs_);
  for (const auto& [kind, ports] : ports_)
    for (const PortId& port : ports) (void)fabric_.unplug(port);
}

void Pool::discard(Driver& driver, const Place& place) {
  for (const PortId& veth : place.veths) (void)fabric_.unplug(veth);
  (void)driver.destroy(place.shell.id);
}

void Pool::discard(const std::vector<Program>& programs) {
  for (const Program& program : programs)
    if (program.place) discard(*program.driver, *program.place);
}

Result<Pool::Taken> Pool::take(Driver& driver, const InstanceSpec& instance) {
  std::vector<PortKind> ports;
  for (const PortSpec& port : instance.ports) ports.push_back(port.kind);
  const bool veth = std::ranges::find(ports, PortKind::veth) != ports.end();
  const ShellShape shape{instance.technology, veth};
  Taken taken;
  taken.spares.resize(ports.size());
  Place place = take_place(driver, shape, instance, taken);
  taken.shell = std::move(place.shell);
  std::vector<PortId>& veths = place.veths;
  Result<void> completed =
      taken.pooled ? fill_loose(ports, taken.spares) : make_shell(driver, shape, ports, taken);
  if (completed) completed = fill_veths(ports, taken, veths);
  for (const PortId& unused : veths) (void)fabric_.unplug(unused);
  if (completed) {
    std::unique_lock lock(mutex_);
    std::vector<Program> surplus = remember(driver, shape, instance);
    lock.unlock();
    discard(surplus);
    return taken;
  }
  give_back(driver, std::move(taken));
  return std::move(completed).error();
}

Pool::Program* Pool::find_program(const InstanceSpec& instance) {
  auto found = std::ranges::find_if(
      programs_, [&](const Program& known) { return same_program(known.like, instance); });
  return found == programs_.end() ? nullptr : &*found;
}

// With the mutex held.
std::vector<Pool::Program> Pool::remember(Driver& driver, const ShellShape& shape,
                                          const InstanceSpec& instance) {
  std::vector<Program> surplus;
  const bool foreign_packets =
      !instance.function &&
      std::ranges::any_of(instance.ports, [](auto& port) { return port.kind != PortKind::veth; });
  if (size_ == 0 || driver.preloader() == nullptr || foreign_packets) return surplus;
  if (Program* known = find_program(instance)) {
    known->broken = false;
    known->like = instance;  // the next one differs less from it
    std::rotate(programs_.begin(), programs_.begin() + (known - programs_.data()),
                programs_.begin() + (known - programs_.data()) + 1);
    return surplus;
  }
  programs_.insert(programs_.begin(), {&driver, shape, instance, {}, false, {}});
  while (programs_.size() > size_) {
    surplus.push_back(std::move(programs_.back()));
    programs_.pop_back();
  }
  return surplus;
}

// What is ready; sets `pooled`, `loaded` and `low`.
Pool::Place Pool::take_place(Driver& driver, const ShellShape& shape, const InstanceSpec& instance,
                             Taken& taken) {
  std::lock_guard lock(mutex_);
  last_take_ = std::chrono::steady_clock::now();
  used_ = true;
  auto shelf = std::ranges::find_if(shelves_, [&](const Shelf& candidate) {
    return candidate.stock.driver == &driver && candidate.stock.shape == shape;
  });
  if (shelf == shelves_.end()) return {};
  shelf->broken = false;
  Program* program = find_program(instance);
  taken.loaded = program != nullptr && program->place && program->shape == shape;
  taken.pooled = taken.loaded || !shelf->places.empty();
  (taken.pooled ? shelf->hits : shelf->misses)++;
  if (taken.loaded) {
    shelf->loaded_hits++;
    return *std::exchange(program->place, std::nullopt);
  }
  if (shelf->places.size() <= 1 && size_ > 0) taken.low = !std::exchange(shelf->low, true);
  if (!taken.pooled) return {};
  Place place = std::move(shelf->places.back());
  shelf->places.pop_back();
  if (hurried()) changed_.notify_all();
  return place;
}

void Pool::wake() {
  std::lock_guard lock(mutex_);
  if (std::exchange(used_, false)) changed_.notify_all();
}

// Making a shell is mostly waiting for its process: ports that lie outside of it are made
// meanwhile.
Result<void> Pool::make_shell(Driver& driver, const ShellShape& shape,
                              std::span<const PortKind> ports, Taken& taken) {
  std::future<Result<void>> loose;
  if (std::ranges::any_of(ports, [](PortKind kind) { return kind != PortKind::veth; }))
    loose = std::async(std::launch::async, [&] { return fill_loose(ports, taken.spares); });
  Result<Shell> shell = driver.prepare(shape);
  Result<void> filled = loose.valid() ? loose.get() : Result<void>();
  taken.shell = TRY(std::move(shell));
  return filled;
}

Result<void> Pool::fill_loose(std::span<const PortKind> ports, std::vector<PortId>& spares) {
  for (size_t i = 0; i < ports.size(); i++)
    if (ports[i] != PortKind::veth) spares[i] = TRY(take_port(ports[i]));
  return {};
}

// A veth belongs to its shell's namespace for ever. Takes from `veths` what it uses.
Result<void> Pool::fill_veths(std::span<const PortKind> ports, Taken& taken,
                              std::vector<PortId>& veths) {
  for (size_t i = 0; i < ports.size(); i++) {
    if (ports[i] != PortKind::veth) continue;
    if (veths.empty()) {
      taken.spares[i] = TRY(fabric_.prepare(ports[i], &taken.shell.network_namespace));
      continue;
    }
    taken.spares[i] = std::move(veths.front());
    veths.erase(veths.begin());
  }
  return {};
}

Result<PortId> Pool::take_port(PortKind kind) {
  {
    std::lock_guard lock(mutex_);
    ports_broken_[kind] = false;
    std::vector<PortId>& ready = ports_[kind];
    if (!ready.empty()) {
      PortId port = std::move(ready.back());
      ready.pop_back();
      return port;
    }
  }
  return fabric_.prepare(kind, nullptr);
}

void Pool::give_back(Driver& driver, Taken taken) {
  for (const PortId& spare : taken.spares)
    if (!spare.empty()) (void)fabric_.unplug(spare);
  if (!taken.shell.id.empty()) (void)driver.destroy(taken.shell.id);
}

std::vector<PoolMetrics> Pool::metrics() const {
  std::lock_guard lock(mutex_);
  std::vector<PoolMetrics> list;
  for (const Shelf& shelf : shelves_) {
    const std::string& technology = shelf.stock.shape.technology;
    auto entry = std::ranges::find(list, technology, &PoolMetrics::technology);
    if (entry == list.end()) {
      list.emplace_back();
      list.back().technology = technology;
      entry = list.end() - 1;
    }
    entry->hits += shelf.hits;
    entry->misses += shelf.misses;
    entry->loaded_hits += shelf.loaded_hits;
    entry->ready += static_cast<unsigned>(shelf.places.size());
    entry->missing += shelf.broken ? 0 : size_ - static_cast<unsigned>(shelf.places.size());
    entry->refill = std::max(entry->refill, shelf.refill);
  }
  for (const Program& program : programs_) {
    auto entry = std::ranges::find(list, program.shape.technology, &PoolMetrics::technology);
    if (entry == list.end()) continue;
    entry->loaded += program.place ? 1 : 0;
    entry->missing += program.place || program.broken ? 0 : 1;
  }
  return list;
}

void Pool::wait_full() {
  if (size_ == 0) return;
  wake();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    bool full = !busy_;
    for (const Shelf& shelf : shelves_) full &= shelf.broken || shelf.places.size() >= size_;
    for (const Program& program : programs_) full &= program.broken || program.place;
    for (PortKind kind : {PortKind::tap, PortKind::packet}) {
      auto ready = ports_.find(kind);
      auto broken = ports_broken_.find(kind);
      bool given_up = broken != ports_broken_.end() && broken->second;
      full &= given_up || (ready == ports_.end() ? 0 : ready->second.size()) >= wanted_ports(kind);
    }
    return full;
  });
}

void Pool::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    const SteadyTime refill_at = last_take_ + quiet;
    if (!hurried() && std::chrono::steady_clock::now() < refill_at) {
      changed_.wait_until(lock, refill_at);
      continue;
    }
    if (drop_programs(lock, [this](const Program& each) { return expired(each); })) continue;
    if (refill_one(lock) || refill_ports(lock) || refill_program(lock)) continue;
    changed_.notify_all();
    if (auto next = next_expiry())
      changed_.wait_until(lock, *next);
    else
      changed_.wait(lock);
  }
}

bool Pool::hurried() const {
  return std::ranges::any_of(shelves_, [&](const Shelf& shelf) {
    return !shelf.broken && shelf.places.size() * 2 < size_;
  });
}

// Makes one shell for the emptiest shelf, without the lock; false: nothing to do.
bool Pool::refill_one(std::unique_lock<std::mutex>& lock) {
  auto shelf = std::ranges::min_element(shelves_, {}, [&](const Shelf& candidate) {
    return candidate.broken ? size_t{size_} : candidate.places.size();
  });
  if (shelf == shelves_.end() || shelf->broken || shelf->places.size() >= size_) return false;
  busy_ = true;
  lock.unlock();
  SteadyTime began = clock_.now();
  Result<Place> place = make(*shelf->stock.driver, shelf->stock.shape);
  auto took = clock_.now() - began;
  lock.lock();
  busy_ = false;
  shelf->refill = took;
  shelf->broken = !place;
  if (place) shelf->places.push_back(*std::move(place));
  if (shelf->places.size() >= size_) shelf->low = false;
  return true;
}

Result<Pool::Place> Pool::make(Driver& driver, const ShellShape& shape) {
  Place place;
  place.shell = TRY(driver.prepare(shape));
  if (!shape.own_network) return place;
  Result<PortId> veth = fabric_.prepare(PortKind::veth, &place.shell.network_namespace);
  if (!veth) {
    discard(driver, place);
    return std::move(veth).error();
  }
  place.veths.push_back(*std::move(veth));
  return place;
}

Result<Pool::Place> Pool::make_loaded(const Program& program) {
  Place place = TRY(make(*program.driver, program.shape));
  Result<void> loaded = program.driver->preloader()->preload(place.shell.id, program.like);
  if (loaded) return place;
  discard(*program.driver, place);
  return std::move(loaded).error();
}

bool Pool::refill_program(std::unique_lock<std::mutex>& lock) {
  auto found = std::ranges::find_if(
      programs_, [](const Program& program) { return !program.place && !program.broken; });
  if (found == programs_.end()) return false;
  const Program wanted{found->driver, found->shape, found->like, {}, false, {}};
  busy_ = true;
  lock.unlock();
  Result<Place> place = make_loaded(wanted);
  lock.lock();
  busy_ = false;
  Program* program = find_program(wanted.like);  // forgotten meanwhile, perhaps
  if (program != nullptr && place) {
    program->place = *std::move(place);
  } else if (program != nullptr) {
    program->broken = true;
  } else if (place) {
    discard(*wanted.driver, *place);
  }
  return true;
}

// Without the lock meanwhile; false: there was none.
bool Pool::drop_programs(std::unique_lock<std::mutex>& lock,
                         const std::function<bool(const Program&)>& which) {
  auto kept = std::stable_partition(programs_.begin(), programs_.end(),
                                    [&](const Program& each) { return !which(each); });
  std::vector<Program> gone(std::make_move_iterator(kept),
                            std::make_move_iterator(programs_.end()));
  programs_.erase(kept, programs_.end());
  if (gone.empty()) return false;
  lock.unlock();
  discard(gone);
  lock.lock();
  return true;
}

void Pool::forget(const std::string& image_digest) {
  std::unique_lock lock(mutex_);
  drop_programs(lock, [&](const Program& each) { return each.like.image_digest == image_digest; });
}

bool Pool::expired(const Program& program) const {
  return program.unused_since && clock_.now() - *program.unused_since >= keep_;
}

std::optional<SteadyTime> Pool::next_expiry() const {
  std::optional<SteadyTime> next;
  for (const Program& each : programs_)
    if (each.unused_since && (!next || *each.unused_since + keep_ < *next))
      next = *each.unused_since + keep_;
  return next;
}

void Pool::note_used(const std::function<bool(const std::string&)>& used) {
  std::unique_lock lock(mutex_);
  bool new_expiry = false;
  for (Program& each : programs_) {
    if (used(each.like.image_digest)) {
      each.unused_since.reset();
    } else if (!each.unused_since) {
      each.unused_since = clock_.now();
      new_expiry = true;
    }
  }
  drop_programs(lock, [this](const Program& each) { return expired(each); });
  if (new_expiry) changed_.notify_all();
}

size_t Pool::wanted_ports(PortKind kind) const {
  for (const Shelf& shelf : shelves_)
    if (shelf.stock.packet_kind == kind) return size_t{size_} * 2;
  return 0;
}

bool Pool::refill_ports(std::unique_lock<std::mutex>& lock) {
  for (PortKind kind : {PortKind::tap, PortKind::packet}) {
    if (ports_broken_[kind] || ports_[kind].size() >= wanted_ports(kind)) continue;
    busy_ = true;
    lock.unlock();
    Result<PortId> port = fabric_.prepare(kind, nullptr);
    lock.lock();
    busy_ = false;
    ports_broken_[kind] = !port;
    if (port) ports_[kind].push_back(*std::move(port));
    return true;
  }
  return false;
}

}  // namespace vireo
