// SPDX-License-Identifier: Apache-2.0
#include "control/commit_queue.h"

#include <utility>

namespace vireo {
namespace {

constexpr auto longest_gathering = std::chrono::milliseconds(5);
constexpr auto longest_sleep = std::chrono::seconds(1);

}  // namespace

CommitQueue::CommitQueue(Store& store, std::function<void()> wake)
    : store_(store), wake_caller_(std::move(wake)), thread_([this] { run(); }) {}

CommitQueue::~CommitQueue() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

CommitQueue::Ticket CommitQueue::enqueue(std::vector<Write> writes, std::vector<LateWrite> late) {
  std::lock_guard lock(mutex_);
  waiting_.push_back({++last_, std::move(writes), std::move(late)});
  return last_;
}

void CommitQueue::wake() {
  std::lock_guard lock(mutex_);
  if (waiting_.empty() || std::exchange(woken_, true)) return;
  changed_.notify_all();
}

void CommitQueue::flush() {
  std::lock_guard lock(mutex_);
  if (waiting_.empty() || std::exchange(hurried_, true)) return;
  changed_.notify_all();
}

bool CommitQueue::done(Ticket ticket) const {
  std::lock_guard lock(mutex_);
  return done_ >= ticket;
}

std::optional<Error> CommitQueue::failure(Ticket ticket) {
  std::lock_guard lock(mutex_);
  auto found = failures_.find(ticket);
  if (found == failures_.end()) return std::nullopt;
  Error error = std::move(found->second);
  failures_.erase(found);
  return error;
}

void CommitQueue::wait() {
  flush();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_ == last_; });
}

void CommitQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_for(lock, longest_sleep, [this] { return ending_ || woken_ || hurried_; });
    if (waiting_.empty() && ending_) return;
    if (waiting_.empty()) continue;
    changed_.wait_for(lock, longest_gathering, [this] { return ending_ || hurried_; });
    woken_ = hurried_ = false;
    std::vector<Entry> batch;
    batch.swap(waiting_);
    lock.unlock();
    commit(std::move(batch));
    if (wake_caller_) wake_caller_();
    lock.lock();
  }
}

// One transaction for all that waits; if that fails each on its own, so that one bad row does not
// fail the others.
void CommitQueue::commit(std::vector<Entry> batch) {
  for (Entry& entry : batch)
    for (const LateWrite& write : entry.late)
      entry.writes.push_back({write.key, write.value(), {}});
  if (batch.size() > 1) {
    std::vector<Write> all;
    for (const Entry& entry : batch)
      all.insert(all.end(), entry.writes.begin(), entry.writes.end());
    Result<Revision> together = store_.commit(all);
    if (together) return finish(batch.back().ticket, std::move(together));
  }
  for (const Entry& entry : batch) finish(entry.ticket, store_.commit(entry.writes));
}

void CommitQueue::finish(Ticket ticket, Result<Revision> result) {
  std::lock_guard lock(mutex_);
  done_ = ticket;
  if (!result) failures_.emplace(ticket, std::move(result).error());
  changed_.notify_all();
}

}  // namespace vireo
