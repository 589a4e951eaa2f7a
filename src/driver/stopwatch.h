// SPDX-License-Identifier: Apache-2.0
// The phases of an operation, measured where they happen.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "model/operation.h"

namespace vireo {

class Stopwatch {
 public:
  explicit Stopwatch(std::vector<Phase>* phases) : phases_(phases) {}
  // Ends a phase; the next one begins.
  void mark(std::string name, std::string note = {}) {
    auto now = std::chrono::steady_clock::now();
    if (phases_ != nullptr) phases_->push_back({std::move(name), std::move(note), now - last_});
    last_ = now;
  }

 private:
  std::vector<Phase>* phases_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace vireo
