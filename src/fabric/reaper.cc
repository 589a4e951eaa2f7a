// SPDX-License-Identifier: Apache-2.0
#include "fabric/reaper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "fabric/labels.h"

namespace vireo {
namespace {

// All on the host wait for the lock of the network while a slice goes: about 0.3 ms a port.
constexpr size_t slice_size = 100;
constexpr std::chrono::milliseconds pause{20};  // before labels

}  // namespace

Reaper::Reaper(Netlink fabric, Before before)
    : fabric_(std::move(fabric)), before_(std::move(before)), thread_([this] { run(); }) {}

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

void Reaper::label(int index, std::string alias) {
  const std::lock_guard lock(mutex_);
  labels_[index] = std::move(alias);
}

void Reaper::wake() {
  const std::lock_guard lock(mutex_);
  if (labels_.empty() || std::exchange(woken_, true)) return;
  changed_.notify_all();
}

std::vector<Reaper::Remains> Reaper::take_slice() {
  const auto end =
      waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(slice_size, waiting_.size()));
  std::vector<Remains> slice(std::make_move_iterator(waiting_.begin()),
                             std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  for (const Remains& remains : slice) labels_.erase(remains.index);
  return slice;
}

void Reaper::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty() || woken_; });
    changed_.wait_for(lock, pause, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty() && labels_.empty()) return;
    std::vector<Remains> slice = take_slice();
    std::map<int, std::string> labels = std::exchange(labels_, {});
    woken_ = false;
    lock.unlock();
    if (!slice.empty()) reap(slice);
    if (!labels.empty()) write_labels(labels);
    slice.clear();  // closes descriptors, which waits for the kernel
    lock.lock();
  }
}

void Reaper::write_labels(const std::map<int, std::string>& labels) {
  NetlinkBatch batch;
  for (const auto& [index, alias] : labels)
    batch.change_link({.index = index, .alias = alias}).tolerate(ENODEV);
  if (const auto done = fabric_.commit(batch); !done)
    spdlog::warn("fabric: {}", done.error().message);
}

void Reaper::reap(const std::vector<Remains>& slice) {
  if (before_) before_(fabric_, slice);
  NetlinkBatch batch;
  for (const Remains& remains : slice)
    batch.change_link({.index = remains.index, .group = doomed_group}).tolerate(ENODEV);
  batch.remove_group(doomed_group).tolerate(ENODEV);
  if (const auto done = fabric_.commit(batch); !done)
    spdlog::warn("fabric: {}", done.error().message);
}

}  // namespace vireo
