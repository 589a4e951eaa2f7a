// SPDX-License-Identifier: Apache-2.0
// The keeper's entries: starts, reaps, drains, holds. For the event loop's thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "keeper/closer.h"
#include "keeper/entry.h"
#include "keeper/event_loop.h"
#include "keeper/fork_process.h"
#include "keeper/start_process.h"

namespace vireo::keeper {

class Entries {
 public:
  using Ended = std::function<void(const Entry&)>;
  Entries(EventLoop& loop, Closer& closer, Ended ended);

  // Starts `entry`'s process and, on success, owns the entry. An empty `log_path`: /dev/null.
  Started start(std::unique_ptr<Entry> entry, StartPlan& plan, const std::string& log_path,
                uint64_t log_bytes);
  // The same by the zygote of another entry.
  Started fork(std::unique_ptr<Entry> entry, ForkPlan& plan, const std::string& log_path,
               uint64_t log_bytes);
  Entry& make(const std::string& name);  // or the one that is there
  Entry* find(const std::string& name);
  void drop(const std::string& name);  // kills; what it held is closed once it is reaped
  // The first entry with a name after `name`; nothing at the end.
  const Entry* after(const std::string& name) const;
  bool empty() const { return named_.empty() && dying_.empty(); }

 private:
  struct Ends {
    Fd output, error;  // of the process; none: /dev/null
  };
  static bool attach(Entry& entry, const std::string& log_path, uint64_t log_bytes, Ends& ends);
  static Fd attach(Output& output);
  void keep(std::unique_ptr<Entry> entry, Started& started);
  void watch(Entry& entry, Output& output);
  bool drain(Entry& entry, Output& output);  // one turn; false: nothing was there
  void drain_rest(Entry& entry);
  void end_output(Entry& entry, Output& output);
  void reap(Entry& entry);
  void bury(std::unique_ptr<Entry> entry);

  EventLoop& loop_;
  Closer& closer_;
  Ended ended_;
  Fd null_;
  std::unique_ptr<LaunchPad> pad_;
  rlimit open_files_{};
  std::map<std::string, std::unique_ptr<Entry>> named_;
  std::map<Entry*, std::unique_ptr<Entry>> dying_;  // dropped, not yet reaped
};

}  // namespace vireo::keeper
