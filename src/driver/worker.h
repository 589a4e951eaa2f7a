// SPDX-License-Identifier: Apache-2.0
// One thread that runs tasks in order: for what must not be waited for, or needs a thread of its
// own. The destructor finishes what is queued.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>

#include "base/result.h"

namespace vireo {

class Worker {
 public:
  Worker() : thread_([this] { work(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    post(nullptr);
    thread_.join();
  }

  void post(std::function<void()> task) {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.notify_one();
  }
  // Waits for `task`'s outcome.
  template <class T>
  Result<T> run(std::function<Result<T>()> task) {
    std::promise<Result<T>> promise;
    std::future<Result<T>> outcome = promise.get_future();
    post([&] { promise.set_value(task()); });
    return outcome.get();
  }

 private:
  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !tasks_.empty(); });
      std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      if (!task) return;
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::thread thread_;  // last: starts when the rest is there
};

}  // namespace vireo
