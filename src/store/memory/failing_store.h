// SPDX-License-Identifier: Apache-2.0
// Passes everything on to another store, and fails calls on demand: for tests of what their
// subject does when the disk is full or the answer is lost.
#pragma once
#include <atomic>
#include <mutex>
#include <vector>

#include "store/store.h"

namespace vireo {

// Thread-safe if the store is.
class FailingStore final : public Store {
 public:
  enum class Moment {
    before,  // the call has no effect
    after,   // it has taken effect, but the caller hears of a failure
  };
  explicit FailingStore(Store& store) : store_(store) {}

  // The n-th call from now on (1: the next) fails once, with `error`.
  void fail_call(uint64_t n, Error error, Moment moment = Moment::before) {
    fail_calls(n, 1, std::move(error), moment);
  }
  void fail_calls(uint64_t n, uint64_t count, Error error, Moment moment = Moment::before);
  uint64_t calls() const { return calls_; }

  Result<Record> get(const Key& key) override;
  Result<std::vector<Record>> list(std::string_view prefix) override;
  Result<Revision> commit(std::span<const Write> writes) override;
  Result<uint64_t> allocate(std::string_view range, std::string_view owner,
                            uint64_t limit) override;
  Result<void> release(std::string_view range, std::string_view owner) override;

 private:
  template <class Call>
  auto pass(Call call) -> decltype(call());

  Store& store_;
  std::atomic<uint64_t> calls_{0};
  std::mutex mutex_;
  uint64_t first_failing_ = 0, end_failing_ = 0;  // numbers of calls
  Error error_;
  Moment moment_ = Moment::before;
};

}  // namespace vireo
