// SPDX-License-Identifier: Apache-2.0
// Moves the state of functions from one generation to the next, each on a thread of its own: a
// function that is slow to answer holds nothing else up.
#pragma once
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "driver/driver.h"

namespace vireo {

// For one caller's thread; `wake` (may be empty) is called on another when something is finished.
class StateMover {
 public:
  explicit StateMover(std::function<void()> wake) : wake_(std::move(wake)) {}
  ~StateMover();  // waits for what is under way: at most two deadlines
  StateMover(const StateMover&) = delete;
  StateMover& operator=(const StateMover&) = delete;

  void begin(FunctionAccess& access, const InstanceId& from, const InstanceId& to);
  struct Finished {
    InstanceId to;
    Result<void> result;
  };
  std::vector<Finished> take_finished();  // each once
  void wait();                            // until nothing is under way

 private:
  struct Move {
    InstanceId to;
    std::optional<Result<void>> result;
    std::thread thread;
  };
  void run(Move& move, FunctionAccess& access, const InstanceId& from);

  std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Move> moves_;
};

}  // namespace vireo
