// SPDX-License-Identifier: Apache-2.0
// Undoes a step unless dismissed: made right after the step, dismissed on the last line of success.
#pragma once
#include <functional>
#include <utility>

namespace vireo {

class Rollback {
 public:
  explicit Rollback(std::function<void()> undo) : undo_(std::move(undo)) {}
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  ~Rollback() {
    if (undo_) undo_();
  }
  void dismiss() { undo_ = nullptr; }

 private:
  std::function<void()> undo_;
};

}  // namespace vireo
