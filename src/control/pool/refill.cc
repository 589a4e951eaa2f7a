// SPDX-License-Identifier: Apache-2.0
// The thread that makes what is missing.
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
  if (size_ == 0) return;
  wake();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    bool full = !busy_ && surplus_.empty();
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
    if (!refill_began_) refill_began_ = clock_.now();
    if (drop_surplus(lock) || refill_one(lock) || refill_ports(lock) || refill_program(lock))
      continue;
    end_refill();
    changed_.notify_all();
    if (auto next = next_expiry())
      changed_.wait_until(lock, *next);
    else
      changed_.wait(lock);
  }
}

// Nothing is missing any more.
void Pool::end_refill() {
  const auto took = clock_.now() - *std::exchange(refill_began_, std::nullopt);
  for (Shelf& shelf : shelves_) {
    if (shelf.loaded_now == 0) continue;
    shelf.refilled = std::exchange(shelf.loaded_now, 0);
    shelf.refilled_in = took;
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
  const SteadyTime began = clock_.now();
  Result<Place> place = make_loaded(wanted);
  const auto took = clock_.now() - began;
  lock.lock();
  busy_ = false;
  for (Shelf& shelf : shelves_)
    if (place && shelf.stock.shape == wanted.shape) {
      shelf.load = took;
      shelf.loaded_now++;
    }
  Program* program = find_program(wanted.shape, wanted.like);  // forgotten meanwhile, perhaps
  if (program != nullptr && place) {
    program->place = *std::move(place);
  } else if (program != nullptr) {
    program->broken = true;
  } else if (place) {
    discard(*wanted.driver, *place);
  }
  return true;
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
