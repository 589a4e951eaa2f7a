// SPDX-License-Identifier: Apache-2.0
// Closes descriptors on a thread of its own: the last close of a tap or of a network namespace
// waits 16-20 ms in the kernel.
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace vireo::keeper {

// Thread-safe. Lives as long as the process.
class Closer {
 public:
  Closer() {
    std::thread([this] { run(); }).detach();
  }
  void close_later(std::vector<Fd> fds) {
    if (fds.empty()) return;
    const std::lock_guard lock(mutex_);
    for (Fd& fd : fds) waiting_.push_back(std::move(fd));
    news_.notify_one();
  }

 private:
  [[noreturn]] void run() {
    while (true) {
      std::vector<Fd> now;
      std::unique_lock lock(mutex_);
      news_.wait(lock, [this] { return !waiting_.empty(); });
      now.swap(waiting_);
    }  // unlocked first, then closed: destroyed in the reverse order
  }
  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<Fd> waiting_;
};

}  // namespace vireo::keeper
