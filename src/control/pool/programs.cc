// SPDX-License-Identifier: Apache-2.0
// Which programs are loaded ahead, and what goes without having been used.
#include <algorithm>
#include <iterator>
#include <utility>

#include "control/pool/pool.h"

namespace vireo {

// The technology, which is part of both, tells the driver.
Pool::Program* Pool::find_program(const ShellShape& shape, const InstanceSpec& instance) {
  auto found = std::ranges::find_if(programs_, [&](const Program& known) {
    return known.shape == shape && same_program(known.like, instance);
  });
  return found == programs_.end() ? nullptr : &*found;
}

void Pool::expect(Driver& driver, const InstanceSpec& instance) {
  std::lock_guard lock(mutex_);
  remember(driver, shape_of(instance), instance);
  used_ = true;
}

// With the mutex held. What makes room is left to the refill: to destroy it takes 2 ms, and a start
// is waiting.
void Pool::remember(Driver& driver, const ShellShape& shape, const InstanceSpec& instance) {
  const bool foreign_packets =
      !instance.function &&
      std::ranges::any_of(instance.ports, [](auto& port) { return port.kind != PortKind::veth; });
  if (limits_.size == 0 || driver.preloader() == nullptr || foreign_packets) return;
  if (Program* known = find_program(shape, instance)) {
    known->broken = false;
    known->like = instance;  // the next one differs less from it
    std::rotate(programs_.begin(), programs_.begin() + (known - programs_.data()),
                programs_.begin() + (known - programs_.data()) + 1);
    return;
  }
  programs_.insert(programs_.begin(), {&driver, shape, instance, {}, false, {}});
  while (programs_.size() > limits_.size) {
    surplus_.push_back(std::move(programs_.back()));
    programs_.pop_back();
  }
}

// Without the lock meanwhile; false: there was nothing.
bool Pool::drop_surplus(std::unique_lock<std::mutex>& lock) {
  const std::vector<Program> gone = std::exchange(surplus_, {});
  if (gone.empty()) return false;
  begin_work(lock);
  discard(gone);
  end_work(lock);
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

// With the mutex held.
std::optional<std::pair<Driver*, Pool::Place>> Pool::extract(const InstanceId& shell) {
  for (Program& program : programs_)
    if (program.place && program.place->shell.id == shell)
      return std::pair(program.driver, *std::exchange(program.place, std::nullopt));
  for (Shelf& shelf : shelves_) {
    auto found = std::ranges::find_if(shelf.places,
                                      [&](const Place& place) { return place.shell.id == shell; });
    if (found == shelf.places.end()) continue;
    std::pair extracted(shelf.stock.driver, std::move(*found));
    shelf.places.erase(found);
    return extracted;
  }
  return std::nullopt;
}

void Pool::lost(const InstanceId& shell) {
  std::unique_lock lock(mutex_);
  auto extracted = extract(shell);
  if (!extracted) return;  // taken meanwhile: its start fails and is tried again
  last_take_ = std::chrono::steady_clock::now();
  changed_.notify_all();
  lock.unlock();
  discard(*extracted->first, extracted->second);
}

void Pool::forget(const std::string& image_digest) {
  std::unique_lock lock(mutex_);
  drop_surplus(lock);
  drop_programs(lock, [&](const Program& each) { return each.like.image_digest == image_digest; });
}

bool Pool::expired(const Program& program) const {
  return program.unused_since && clock_.now() - *program.unused_since >= limits_.keep;
}

std::optional<SteadyTime> Pool::next_expiry() const {
  std::optional<SteadyTime> next;
  for (const Program& each : programs_)
    if (each.unused_since && (!next || *each.unused_since + limits_.keep < *next))
      next = *each.unused_since + limits_.keep;
  if (const SteadyTime calm = last_take_ + limits_.calm;
      has_surplus_ports() && (!next || calm < *next))
    next = calm;
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

}  // namespace vireo
