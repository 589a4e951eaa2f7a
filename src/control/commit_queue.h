// SPDX-License-Identifier: Apache-2.0
// Writes to the store on a thread of its own, so that an instance starts while its row becomes
// durable. Commits happen in the order of enqueue(); what waits together is committed together.
// The thread is left asleep during a start, whose processor it would take: it writes after
// flush(), 5 ms after wake(), or by itself within a second.
#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "store/store.h"

namespace vireo {

// For one caller's thread; `wake` is called on the queue's own thread after each commit.
class CommitQueue {
 public:
  using Ticket = uint64_t;
  CommitQueue(Store& store, std::function<void()> wake);
  ~CommitQueue();  // commits what waits
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  // A value that is put into words by the queue's thread; it must own what it needs.
  struct LateWrite {
    Key key;
    std::function<std::string()> value;
  };
  Ticket enqueue(std::vector<Write> writes, std::vector<LateWrite> late = {});
  void wake();                     // what waits, and what comes in the next 5 ms, is written
  void flush();                    // what waits is written now
  bool done(Ticket ticket) const;  // tried, whether it succeeded or not
  std::optional<Error> failure(Ticket ticket);  // of a ticket that is done; forgets it
  void wait();                                  // until nothing waits

 private:
  struct Entry {
    Ticket ticket = 0;
    std::vector<Write> writes;
    std::vector<LateWrite> late;
  };
  void run();
  void commit(std::vector<Entry> batch);
  void finish(Ticket ticket, Result<Revision> result);

  Store& store_;
  std::function<void()> wake_caller_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Entry> waiting_;
  std::map<Ticket, Error> failures_;
  Ticket last_ = 0, done_ = 0;
  bool ending_ = false, woken_ = false, hurried_ = false;
  std::thread thread_;
};

// `row` as it is now, in the words of its to_json(). Copies of the write share it.
template <class Row>
CommitQueue::LateWrite late_write(Key key, Row row) {
  const auto kept = std::make_shared<const Row>(std::move(row));
  return {std::move(key), [kept] { return to_json(*kept); }};
}

}  // namespace vireo
