// SPDX-License-Identifier: Apache-2.0
// Makes a program out of a function's class.
#pragma once
#include <type_traits>

#include "vnf/posix/loop.h"

namespace vireo::vnf::posix {

// Runs F for the life of the process. Its only object lies in zeroed memory.
template <class F>
[[noreturn]] void run_function() {
  static constinit F function{};
  static_assert(std::is_trivially_destructible_v<F>);
  static_assert(F::table.config_size == 0 || F::table.config_size == sizeof(typename F::Config));
  FunctionEntry entry{};
  static constexpr FunctionTable table = F::table;
  entry.table = &table;
  entry.configure = [](const Context& context, const void* config) {
    return function.configure(context, *static_cast<const typename F::Config*>(config));
  };
  entry.tick = [](uint64_t now_ns) { function.tick(now_ns); };
  if constexpr (F::table.state_version != 0) {
    entry.export_state = [](StateSink& sink) { function.export_state(sink); };
    entry.import_state = [](StateSource& source) { return function.import_state(source); };
  }
  if constexpr (F::table.ports == Ports::packet) {
    entry.process = [](Batch& batch) { function.process(batch); };
  } else {
    entry.poll_set = [](PollFd* fds, uint32_t room) { return function.poll_set(fds, room); };
    entry.serve = [](const PollFd* fds, uint32_t count, uint64_t now_ns) {
      function.serve(fds, count, now_ns);
    };
  }
  run(entry);
}

}  // namespace vireo::vnf::posix
