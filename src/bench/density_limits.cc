// SPDX-License-Identifier: Apache-2.0
#include "bench/density_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "model/technology.h"

namespace vireo::bench {
namespace {

constexpr uint64_t kibibyte = 1024, mebibyte = 1024 * kibibyte;
// Of the daemon, its pools and whatever else starts meanwhile.
constexpr uint64_t spare_processes = 64, spare_files = 256, spare_namespaces = 64;
constexpr uint64_t spare_bytes = 256 * mebibyte;

struct Bound {
  std::string name;  // of the profile's limit
  uint64_t each, used;
};

Error refusal(const std::string& technology, uint64_t count, const Bound& bound,
              const std::string& value, const std::string& setting, uint64_t most) {
  return Error{Errc::exhausted,
               fmt::format("density: {} instances of {} do not fit: the limit of {} is {}, and "
                           "each takes {} of them; {}, or --count {}",
                           count, technology, bound.name, value, bound.each, setting, most)};
}

}  // namespace

InstanceNeeds needs_of(const std::string& technology) {
  if (is_machine(technology)) return {3, 2, 0, 1024 * kibibyte};
  return {1, 12, 1, 700 * kibibyte};
}

Result<void> check_density(const std::string& technology, uint64_t count, const HostProfile& host,
                           uint64_t processes) {
  const InstanceNeeds needs = needs_of(technology);
  const std::vector<Bound> bounds{
      {"processes", needs.processes, processes + spare_processes},
      {"threads", needs.processes, processes + spare_processes},
      {"open files", needs.open_files, spare_files},
      {"user namespaces", needs.namespaces, spare_namespaces},
      {"network namespaces", needs.namespaces, spare_namespaces},
  };
  for (const Bound& bound : bounds)
    for (const HostLimit& limit : host.limits) {
      if (limit.name != bound.name || bound.each == 0) continue;
      const uint64_t most = (limit.value - std::min(limit.value, bound.used)) / bound.each;
      if (count > most)
        return refusal(technology, count, bound, std::to_string(limit.value), limit.setting, most);
    }
  const uint64_t memory = host.memory_available - std::min(host.memory_available, spare_bytes);
  if (count <= memory / needs.bytes) return {};
  return Error{
      Errc::exhausted,
      fmt::format("density: {} instances of {} do not fit: MemAvailable is {} MiB, and each takes "
                  "about {} KiB; free memory, or --count {}",
                  count, technology, host.memory_available / mebibyte, needs.bytes / kibibyte,
                  memory / needs.bytes)};
}

}  // namespace vireo::bench
