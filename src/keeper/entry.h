// SPDX-License-Identifier: Apache-2.0
// What the keeper remembers under one name: descriptors, at most one process and its output.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "keeper/log_file.h"

namespace vireo::keeper {

// One of the process's two outputs. At most two descriptors an entry, closed at their end.
struct Output {
  Fd pipe;
  uint64_t source = 0;  // in the event loop
  LineCutter cutter;
};

struct Entry {
  std::string name, text;
  std::vector<Fd> held;
  bool lost = false;  // a descriptor to hold did not fit the keeper's table
  bool dropped = false;
  int pid = 0;
  bool ended = false;
  int wait_status = 0;
  uint64_t ended_at_ns = 0;
  Fd pidfd;  // until it ended
  uint64_t source = 0;
  LogFile log;
  Output output{{}, 0, LineCutter("stdout")};
  Output error{{}, 0, LineCutter("stderr")};
};

}  // namespace vireo::keeper
