// SPDX-License-Identifier: Apache-2.0
#include "store/memory/failing_store.h"

namespace vireo {

void FailingStore::fail_calls(uint64_t n, uint64_t count, Error error, Moment moment) {
  const std::lock_guard lock(mutex_);
  first_failing_ = calls_ + n;
  end_failing_ = first_failing_ + count;
  error_ = std::move(error);
  moment_ = moment;
}

template <class Call>
auto FailingStore::pass(Call call) -> decltype(call()) {
  std::unique_lock lock(mutex_);
  const uint64_t call_number = ++calls_;
  const bool fails = call_number >= first_failing_ && call_number < end_failing_;
  const Error error = error_;
  const Moment moment = moment_;
  lock.unlock();
  if (fails && moment == Moment::before) return error;
  auto result = call();
  if (fails) return error;
  return result;
}

Result<Record> FailingStore::get(const Key& key) {
  return pass([&] { return store_.get(key); });
}

Result<std::vector<Record>> FailingStore::list(std::string_view prefix) {
  return pass([&] { return store_.list(prefix); });
}

Result<Revision> FailingStore::commit(std::span<const Write> writes) {
  return pass([&] { return store_.commit(writes); });
}

Result<uint64_t> FailingStore::allocate(std::string_view range, std::string_view owner,
                                        uint64_t limit) {
  return pass([&] { return store_.allocate(range, owner, limit); });
}

Result<void> FailingStore::release(std::string_view range, std::string_view owner) {
  return pass([&] { return store_.release(range, owner); });
}

}  // namespace vireo
