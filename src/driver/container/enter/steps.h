// SPDX-License-Identifier: Apache-2.0
// The steps of vireo-enter. Each ends the process with a report when it fails. No allocation and
// nothing but system calls: a precomputed plan is carried out.
#pragma once
#include <stddef.h>

#include "driver/container/plan/enter_plan.h"

namespace vireo::enter {

// The sixth argument of the calls that the filter allows to this program alone (system.cc).
extern uint64_t entering_key;

// Where reports go; moved out of the way of the program's descriptors.
extern int control;

[[noreturn]] void fail(EnterStep step, uint32_t index = 0);
void report(EnterStep step, int descriptor = -1);

struct Order {
  EnterOrder order{};
  int fds[enter_most_fds];
  uint32_t count = 0;
};
// Ends the process quietly when the driver has closed its end: a spare that nobody wants.
Order receive();

// The part of a shell that does not depend on an instance (shell.cc).
struct Mounts {
  int dev = -1, proc = -1, sys = -1;  // roots of mounts that wait in the parked root
  int files = -1;                     // directory for files put into the instance
};
void unshare_namespaces();
int make_proc();  // before unsharing: needs no visible /proc of the host then
Mounts prepare_mounts(int proc, int dev);

// The part that the plan decides (start.cc).
void touch_memory();
void bound_capabilities(uint64_t kept);
// From here on only calls of the filter's list, and with its key those that enter a root. Gives the
// capabilities that a plan may keep.
uint64_t load_filter(int memory);
const EnterPlan* load_plan(int memory);
const char* text(const EnterPlan* plan, uint32_t offset);
void enter_root(const EnterPlan* plan, int root, const Mounts& mounts);
void join_instance(int pidfd);
void open_terminal(const EnterPlan* plan);
[[noreturn]] void run(const EnterPlan* plan, const int* fds, uint32_t count);

}  // namespace vireo::enter
