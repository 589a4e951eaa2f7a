// SPDX-License-Identifier: Apache-2.0
#include "fabric/bridge/reaper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "fabric/bridge/labels.h"

namespace vireo {
namespace {

// All on the host wait for the lock of the network while a slice goes: about 0.3 ms a port.
constexpr size_t slice_size = 100;

}  // namespace

Reaper::Reaper(Netlink fabric) : fabric_(std::move(fabric)), thread_([this] { run(); }) {}

Reaper::~Reaper() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Reaper::add(Remains remains) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(remains));
  }
  changed_.notify_all();
}

void Reaper::wait_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !busy_; });
}

void Reaper::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const size_t count = std::min(slice_size, waiting_.size());
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<Remains> slice(std::make_move_iterator(waiting_.begin()),
                               std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    busy_ = true;
    lock.unlock();
    reap(std::move(slice));
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

// The bridge answers for the neighbours behind a port as long as it is there: those whose MAC is
// still entered for a dead port belong to no other.
void Reaper::forget_neighbours(const std::vector<Remains>& slice) {
  std::set<int> bridges;
  for (const Remains& remains : slice)
    if (remains.bridge != 0) bridges.insert(remains.bridge);
  for (const int bridge : bridges) {
    const auto entries = fabric_.forwarding(bridge);
    const auto neighbours = fabric_.neighbours(bridge);
    if (!entries || !neighbours) continue;
    std::set<MacAddress> gone;
    for (const ForwardingRow& row : *entries)
      if (std::ranges::any_of(slice, [&](const Remains& one) { return one.index == row.port; }))
        gone.insert(row.mac);
    NetlinkBatch batch;
    for (const NeighbourRow& row : *neighbours)
      if (gone.contains(row.mac)) batch.remove_neighbour(bridge, row.address);
    if (const auto done = fabric_.commit(batch); !done)
      spdlog::warn("fabric: {}", done.error().message);
  }
}

void Reaper::reap(std::vector<Remains> slice) {
  forget_neighbours(slice);
  NetlinkBatch batch;
  for (const Remains& remains : slice)
    batch.change_link({.index = remains.index, .group = doomed_group}).tolerate(ENODEV);
  batch.remove_group(doomed_group).tolerate(ENODEV);
  if (const auto done = fabric_.commit(batch); !done)
    spdlog::warn("fabric: {}", done.error().message);
}

}  // namespace vireo
