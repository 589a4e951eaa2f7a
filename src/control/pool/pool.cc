// SPDX-License-Identifier: Apache-2.0
#include "control/pool/pool.h"

#include <algorithm>
#include <future>
#include <utility>

namespace vireo {

namespace {
constexpr unsigned workers = 4;
}

Pool::Pool(Fabric& fabric, Clock& clock, std::vector<Stock> stocks, Limits limits)
    : fabric_(fabric), clock_(clock), limits_(limits) {
  for (Stock& stock : stocks) {
    shelves_.emplace_back();
    shelves_.back().stock = std::move(stock);
  }
  for (unsigned i = 0; limits_.size > 0 && i < workers; i++)
    threads_.emplace_back([this] { run(); });
}

Pool::~Pool() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  for (Shelf& shelf : shelves_)
    for (const Place& place : shelf.places) discard(*shelf.stock.driver, place);
  discard(programs_);
  discard(surplus_);
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

ShellShape Pool::shape_of(const InstanceSpec& instance) {
  const bool veth =
      std::ranges::find(instance.ports, PortKind::veth, &PortSpec::kind) != instance.ports.end();
  return {instance.technology, veth};
}

Result<Pool::Taken> Pool::take(Driver& driver, const InstanceSpec& instance) {
  std::vector<PortKind> ports;
  for (const PortSpec& port : instance.ports) ports.push_back(port.kind);
  const ShellShape shape = shape_of(instance);
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
    expect(driver, instance);
    return taken;
  }
  give_back(driver, std::move(taken));
  return std::move(completed).error();
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
  Program* program = find_program(shape, instance);
  taken.loaded = program != nullptr && program->place;
  taken.pooled = taken.loaded || !shelf->places.empty();
  (taken.pooled ? shelf->hits : shelf->misses)++;
  if (taken.loaded) {
    shelf->loaded_hits++;
    return *std::exchange(program->place, std::nullopt);
  }
  if (shelf->places.size() <= 1 && limits_.size > 0) taken.low = !std::exchange(shelf->low, true);
  if (!taken.pooled) return {};
  Place place = std::move(shelf->places.back());
  shelf->places.pop_back();
  if (hurried()) changed_.notify_all();
  return place;
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

// More than are wanted: as many lives may begin at once as have ended.
void Pool::put_back(PortKind kind, const PortId& port) {
  const auto spare = fabric_.reclaim(port);
  if (!spare || !*spare) return;
  {
    std::lock_guard lock(mutex_);
    std::vector<PortId>& ready = ports_[kind];
    if (ready.size() < 2 * wanted_ports(kind)) {
      ready.insert(ready.begin(), **spare);
      if (ready.size() > wanted_ports(kind)) changed_.notify_all();
      return;
    }
  }
  (void)fabric_.unplug(**spare);
}

void Pool::note_start(const std::string& technology, const std::string& tier) {
  std::lock_guard lock(mutex_);
  starts_[technology][tier]++;
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
    entry->missing += shelf.broken ? 0 : limits_.size - static_cast<unsigned>(shelf.places.size());
    entry->refill = std::max(entry->refill, shelf.refill);
    entry->load = std::max(entry->load, shelf.load);
    entry->refilled += shelf.refilled;
    entry->refilled_in = std::max(entry->refilled_in, shelf.refilled_in);
    if (auto starts = starts_.find(technology); starts != starts_.end())
      entry->starts = starts->second;
  }
  for (const Program& program : programs_) {
    auto entry = std::ranges::find(list, program.shape.technology, &PoolMetrics::technology);
    if (entry == list.end()) continue;
    entry->loaded += program.place ? 1 : 0;
    entry->missing += program.place || program.broken ? 0 : 1;
  }
  return list;
}

}  // namespace vireo
