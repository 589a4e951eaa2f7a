// SPDX-License-Identifier: Apache-2.0
// What the scheduler tells of processes: how long they have run.
#pragma once
#include <chrono>
#include <span>

namespace vireo::bench {

// The time on a processor of all threads of these processes and of their descendants, to the
// nanosecond (/proc/PID/task/TID/schedstat); nothing for those that are gone.
std::chrono::nanoseconds time_of_processes(std::span<const int> pids);

}  // namespace vireo::bench
