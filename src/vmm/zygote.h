// SPDX-License-Identifier: Apache-2.0
// The process that machines are forked from: jailed as far as all of them have it in common, so
// that a new one takes what is its own alone.
#pragma once
#include <linux/filter.h>

#include <cstdint>
#include <span>

#include "base/fd.h"

namespace vireo::vmm {

class Zygote {
 public:
  // Gives up rights. nullptr, or what cannot be done: errno says why.
  const char* open();
  // Makes a machine for each request (keeper/zygote_protocol.h; the argument is the user id, the
  // third descriptor the agent's socket) until nobody asks. Each of them has an id of its own, its
  // descriptors and its filter, and runs `machine` with its pagemap (rehearsal.h), or -1.
  using Machine = void (*)(int pagemap);
  void serve(Machine machine);

 private:
  static constexpr unsigned request_fds = 3;  // output, error, agent

  bool leave_host();
  bool keep_one_machine();
  bool limit_system_calls();
  void make(uint64_t user, std::span<const Fd> fds, Machine machine);
  [[noreturn]] void become(uint64_t user, std::span<const Fd> fds, Machine machine);
  int place_descriptors(std::span<const Fd> fds);
  void take_id(uint64_t user);
  static sock_fprog map_filter(int file);

  int keeper_ = 0, proc_ = -1;
  sock_fprog machine_filter_{};
};

}  // namespace vireo::vmm
