// SPDX-License-Identifier: Apache-2.0
// The threads that make what is missing.
#include <algorithm>
#include <utility>

#include "control/pool/pool.h"

namespace vireo {
namespace {

constexpr auto quiet = std::chrono::milliseconds(10);  // longer than a start takes

}  // namespace

void Pool::wake() {
  std::lock_guard lock(mutex_);
  if (std::exchange(used_, false)) changed_.notify_all();
}

void Pool::wait_full() {
  if (limits_.size == 0) return;
  wake();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    bool full = busy_ == 0 && surplus_.empty();
    for (const Shelf& shelf : shelves_) full &= shelf.broken || shelf.places.size() >= limits_.size;
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
    if (drop_surplus(lock) || refill_one(lock) || refill_ports(lock) || refill_program(lock) ||
        drop_port(lock))
      continue;
    if (busy_ == 0 && refill_began_) end_refill();
    if (auto next = next_expiry())
      changed_.wait_until(lock, *next);
    else
      changed_.wait(lock);
  }
}

void Pool::begin_work(std::unique_lock<std::mutex>& lock) {
  if (!refill_began_) refill_began_ = clock_.now();
  busy_++;
  lock.unlock();
}

void Pool::end_work(std::unique_lock<std::mutex>& lock) {
  lock.lock();
  busy_--;
}

// Nothing is missing any more.
void Pool::end_refill() {
  const auto took = clock_.now() - *std::exchange(refill_began_, std::nullopt);
  for (Shelf& shelf : shelves_) {
    if (shelf.loaded_now == 0) continue;
    shelf.refilled = std::exchange(shelf.loaded_now, 0);
    shelf.refilled_in = took;
  }
  changed_.notify_all();
}

bool Pool::hurried() const {
  return std::ranges::any_of(shelves_, [&](const Shelf& shelf) {
    return !shelf.broken && shelf.places.size() * 2 < limits_.size;
  });
}

// Makes one shell for the emptiest shelf, without the lock; false: nothing to do.
bool Pool::refill_one(std::unique_lock<std::mutex>& lock) {
  auto shelf = std::ranges::min_element(shelves_, {}, [&](const Shelf& candidate) {
    return candidate.broken ? size_t{limits_.size} : candidate.places.size() + candidate.coming;
  });
  if (shelf == shelves_.end() || shelf->broken ||
      shelf->places.size() + shelf->coming >= limits_.size)
    return false;
  shelf->coming++;
  begin_work(lock);
  SteadyTime began = clock_.now();
  Result<Place> place = make(*shelf->stock.driver, shelf->stock.shape);
  auto took = clock_.now() - began;
  end_work(lock);
  shelf->coming--;
  shelf->refill = took;
  shelf->broken = !place;
  if (place) shelf->places.push_back(*std::move(place));
  if (shelf->places.size() >= limits_.size) shelf->low = false;
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
  auto found = std::ranges::find_if(programs_, [](const Program& program) {
    return !program.place && !program.broken && !program.coming;
  });
  if (found == programs_.end()) return false;
  const Program wanted{found->driver, found->shape, found->like, {}, false, {}};
  found->coming = true;
  begin_work(lock);
  const SteadyTime began = clock_.now();
  Result<Place> place = make_loaded(wanted);
  const auto took = clock_.now() - began;
  end_work(lock);
  for (Shelf& shelf : shelves_)
    if (place && shelf.stock.shape == wanted.shape) {
      shelf.load = took;
      shelf.loaded_now++;
    }
  keep_loaded(wanted, std::move(place));
  return true;
}

// Meanwhile it was forgotten, perhaps, or forgotten and expected again, and loaded by another.
void Pool::keep_loaded(const Program& wanted, Result<Place> place) {
  Program* program = find_program(wanted.shape, wanted.like);
  if (program != nullptr) program->coming = false;
  if (place && (program == nullptr || program->place)) return discard(*wanted.driver, *place);
  if (program == nullptr) return;
  program->broken = !place && !program->place;
  if (place) program->place = *std::move(place);
}

size_t Pool::wanted_ports(PortKind kind) const {
  for (const Shelf& shelf : shelves_)
    if (shelf.stock.packet_kind == kind) return size_t{limits_.size} * 2;
  return 0;
}

bool Pool::has_surplus_ports() const {
  return std::ranges::any_of(
      ports_, [this](const auto& each) { return each.second.size() > wanted_ports(each.first); });
}

bool Pool::drop_port(std::unique_lock<std::mutex>& lock) {
  if (std::chrono::steady_clock::now() < last_take_ + limits_.calm) return false;
  for (auto& [kind, ready] : ports_) {
    if (ready.size() <= wanted_ports(kind)) continue;
    const PortId port = std::move(ready.front());
    ready.erase(ready.begin());
    lock.unlock();
    (void)fabric_.unplug(port);
    lock.lock();
    return true;
  }
  return false;
}

// One at a time: the kernel makes interfaces under one lock.
bool Pool::refill_ports(std::unique_lock<std::mutex>& lock) {
  if (port_coming_) return false;
  for (PortKind kind : {PortKind::tap, PortKind::packet}) {
    if (ports_broken_[kind] || ports_[kind].size() >= wanted_ports(kind)) continue;
    port_coming_ = true;
    begin_work(lock);
    Result<PortId> port = fabric_.prepare(kind, nullptr);
    end_work(lock);
    port_coming_ = false;
    ports_broken_[kind] = !port;
    if (port) ports_[kind].push_back(*std::move(port));
    return true;
  }
  return false;
}

}  // namespace vireo
