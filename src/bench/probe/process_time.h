// SPDX-License-Identifier: Apache-2.0
// What the scheduler tells of processes: how long they have run, whether they still do.
#pragma once
#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace vireo::bench {

// Of one thread, "/proc/PID/task/TID".
std::vector<int> children_of(const std::string& task);

// The time on a processor of all threads of these processes and of their descendants, to the
// nanosecond (/proc/PID/task/TID/schedstat); nothing for those that are gone.
std::chrono::nanoseconds time_of_processes(std::span<const int> pids);

// No thread of it will run its program again: each has begun to exit, as the flags of
// proc_pid_stat(5) tell. To give its memory back takes longer, and KVM's worker ends with that.
bool runs_no_more(int pid);

}  // namespace vireo::bench
