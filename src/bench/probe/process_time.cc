// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/process_time.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/text.h"
#include "host/files.h"
#include "host/process_stat.h"

namespace vireo::bench {

std::vector<int> children_of(const std::string& task) {
  std::vector<int> children;
  const std::string words = read_file(task + "/children").value_or("");
  for (std::string_view word : split(words, ' '))
    if (auto child = parse_number(word)) children.push_back(static_cast<int>(*child));
  return children;
}

std::chrono::nanoseconds time_of_processes(std::span<const int> pids) {
  std::chrono::nanoseconds sum{0};
  for (const int pid : pids) {
    const std::string tasks = fmt::format("/proc/{}/task", pid);
    for (const std::string& thread : list_directory(tasks).value_or({})) {
      const std::string task = tasks + "/" + thread;
      const std::string text = read_file(task + "/schedstat").value_or("0");
      sum += std::chrono::nanoseconds(std::strtoll(text.c_str(), nullptr, 10));
      sum += time_of_processes(children_of(task));
    }
  }
  return sum;
}

bool runs_no_more(int pid) {
  const std::string tasks = fmt::format("/proc/{}/task", pid);
  for (const std::string& thread : list_directory(tasks).value_or({})) {
    const auto stat = read_process_stat(tasks + "/" + thread);
    if (stat && !stat->exiting && !stat->kernels_own) return false;
  }
  return true;
}

}  // namespace vireo::bench
