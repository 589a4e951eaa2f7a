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
  uint64_t most = 0;      // instances
  std::string told = {};  // "the limit of threads is 4000, and each takes 3 of them; sysctl ..."
};

uint64_t room(uint64_t all, uint64_t used) { return all - std::min(all, used); }

std::vector<Bound> bounds_of(const InstanceNeeds& needs, const HostProfile& host,
                             uint64_t processes) {
  struct Need {
    std::string name;  // of the profile's limit
    uint64_t each, used;
  };
  const std::vector<Need> limited{
      {"processes", needs.processes, processes + spare_processes},
      {"threads", needs.processes, processes + spare_processes},
      {"open files", needs.open_files, spare_files},
      {"user namespaces", needs.namespaces, spare_namespaces},
      {"network namespaces", needs.namespaces, spare_namespaces},
  };
  std::vector<Bound> bounds{
      {room(host.memory_available, spare_bytes) / needs.bytes,
       fmt::format("MemAvailable is {} MiB, and each takes about {} KiB; free memory",
                   host.memory_available / mebibyte, needs.bytes / kibibyte)}};
  for (const Need& need : limited)
    for (const HostLimit& limit : host.limits)
      if (limit.name == need.name && need.each != 0)
        bounds.push_back({room(limit.value, need.used) / need.each,
                          fmt::format("the limit of {} is {}, and each takes {} of them; {}",
                                      need.name, limit.value, need.each, limit.setting)});
  return bounds;
}

}  // namespace

InstanceNeeds needs_of(const std::string& technology) {
  if (is_machine(technology)) return {2, 2, 0, 1024 * kibibyte};
  return {1, 5, 1, 700 * kibibyte};
}

Result<void> check_density(const std::string& technology, uint64_t count, const HostProfile& host,
                           uint64_t processes) {
  const std::vector<Bound> bounds = bounds_of(needs_of(technology), host, processes);
  const Bound& tightest = *std::ranges::min_element(bounds, {}, &Bound::most);
  if (count <= tightest.most) return {};
  return Error{Errc::exhausted,
               fmt::format("density: {} instances of {} do not fit: {}, or --count {}", count,
                           technology, tightest.told, tightest.most)};
}

}  // namespace vireo::bench
