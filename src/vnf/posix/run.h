// SPDX-License-Identifier: Apache-2.0
// Makes a program out of a function's class.
#pragma once
#include "vnf/posix/loop.h"

namespace vireo::vnf::posix {

// Runs F for the life of the process.
template <class F>
[[noreturn]] void run_function() {
  ProcessEntry entry{entry_of<F>(), nullptr, nullptr};
  if constexpr (F::table.ports == Ports::stack) {
    entry.poll_set = [](PollFd* fds, uint32_t room) { return the_function<F>.poll_set(fds, room); };
    entry.serve = [](const PollFd* fds, uint32_t count, uint64_t now_ns) {
      the_function<F>.serve(fds, count, now_ns);
    };
  }
  run(entry);
}

}  // namespace vireo::vnf::posix
