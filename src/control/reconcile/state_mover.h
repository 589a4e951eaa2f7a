// SPDX-License-Identifier: Apache-2.0
// Moves the state of functions from one generation to the next, whichever drivers run them, each on
// a thread of its own: a function that is slow to answer holds nothing else up.
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

  struct End {
    FunctionAccess* access = nullptr;
    InstanceId id;
  };
  // Without `to` the state goes nowhere: the answer tells that `from` is done with the packets that
  // it had read before.
  void begin(End from, std::optional<End> to);
  struct Finished {
    InstanceId from;
    Result<void> result;
  };
  std::vector<Finished> take_finished();  // each once
  void wait();                            // until nothing is under way

 private:
  struct Move {
    End from;
    std::optional<End> to;
    std::optional<Result<void>> result;
    std::thread thread;
  };
  void run(Move& move);

  std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Move> moves_;
};

}  // namespace vireo
