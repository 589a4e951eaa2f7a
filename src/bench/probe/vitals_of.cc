// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/vitals_of.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "host/files.h"

namespace vireo::bench {

Result<vnf::Vitals> vitals_of(int pid) {
  // "ADDRESS-ADDRESS rw-s OFFSET DEVICE INODE  /memfd:vireo-vitals (deleted)" (proc(5))
  const std::string maps = TRY(read_file(fmt::format("/proc/{}/maps", pid)));
  const size_t at = maps.find("/memfd:vireo-vitals");
  if (at == std::string::npos)
    return Error{Errc::not_found, fmt::format("process {} has no vitals page", pid)};
  const size_t line = maps.rfind('\n', at) + 1;  // npos + 1 is 0: the first line
  const auto address = std::strtoull(&maps[line], nullptr, 16);
  Fd memory = TRY(open_path(fmt::format("/proc/{}/mem", pid), O_RDONLY));
  vnf::Vitals vitals;
  if (::pread(memory.get(), &vitals, sizeof vitals, static_cast<off_t>(address)) != sizeof vitals)
    return system_error(fmt::format("cannot read the vitals page of process {}", pid));
  if (vitals.magic != vnf::vitals_magic)
    return Error{Errc::corrupt, fmt::format("the vitals page of process {} is not one", pid)};
  return vitals;
}

}  // namespace vireo::bench
