// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/process_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "host/files.h"

namespace vireo::bench {
namespace {

// "Name:   12 kB" lines.
uint64_t bytes_at(const std::string& text, std::string_view name) {
  size_t at = text.find(fmt::format("\n{}:", name));
  if (at == std::string::npos) return 0;
  return std::strtoull(&text[at + name.size() + 2], nullptr, 10) * 1024;
}

}  // namespace

Result<ProcessMemory> memory_of_process(int pid) {
  std::string text = "\n" + TRY(read_file(fmt::format("/proc/{}/smaps_rollup", pid)));
  ProcessMemory memory{bytes_at(text, "Private_Clean") + bytes_at(text, "Private_Dirty"),
                       bytes_at(text, "Pss")};
  std::string children = read_file(fmt::format("/proc/{0}/task/{0}/children", pid)).value_or("");
  for (std::string_view word : split(children, ' ')) {
    auto child = parse_number(std::string(word));
    if (!child) continue;
    auto more = memory_of_process(static_cast<int>(*child));
    if (!more) continue;
    memory.private_bytes += more->private_bytes;
    memory.proportional_bytes += more->proportional_bytes;
  }
  return memory;
}

Result<double> available_memory() {
  constexpr double mebibyte = 1 << 20;
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t counted = bytes_at(TRY(read_file("/proc/meminfo")), "MemAvailable");
  const uint64_t listed = page * listed_pages(TRY(read_file("/proc/zoneinfo")));
  return static_cast<double>(counted + listed) / mebibyte;
}

uint64_t listed_pages(std::string_view zones) {
  constexpr std::string_view label = "count:";
  uint64_t pages = 0;
  for (std::string_view line : split(zones, '\n')) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (!line.starts_with(label)) continue;
    line.remove_prefix(std::min(line.find_first_not_of(' ', label.size()), line.size()));
    pages += parse_number(line).value_or(0);
  }
  return pages;
}

Result<double> undisturbed_mean(double fall, double rise, double tolerance) {
  const double mean = (fall + rise) / 2;
  if (fall > 0 && rise > 0 && std::abs(fall - rise) <= tolerance * mean) return mean;
  return Error{Errc::unavailable,
               fmt::format("other work moved this machine's memory: it fell by {:.1f} MiB with the "
                           "instances and rose by {:.1f} MiB without them",
                           fall, rise)};
}

}  // namespace vireo::bench
