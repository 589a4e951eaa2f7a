// SPDX-License-Identifier: Apache-2.0
#include "host/process_stat.h"

#include <vector>

#include "base/text.h"
#include "host/files.h"

namespace vireo {

namespace {

constexpr uint64_t pf_exiting = 4, pf_user_worker = 0x4000;
constexpr size_t state = 3, parent = 4, flags = 9, minor_faults = 10, major_faults = 12,
                 exit_code = 52;

}  // namespace

// The name, which is the second field, may hold anything: the others are counted from its end.
std::optional<ProcessStat> read_process_stat(const std::string& directory) {
  const std::string text = read_file(directory + "/stat").value_or("");
  const size_t name_end = text.rfind(") "), line_end = text.rfind('\n');
  if (name_end == std::string::npos || line_end == std::string::npos) return std::nullopt;
  const std::string_view rest = std::string_view(text).substr(0, line_end).substr(name_end + 2);
  const std::vector<std::string_view> fields = split(rest, ' ');
  if (fields.size() <= exit_code - state) return std::nullopt;
  auto number = [&](size_t field) { return parse_number(fields[field - state]).value_or(0); };
  ProcessStat stat;
  stat.state = fields[0].front();
  stat.parent = static_cast<int>(number(parent));
  stat.exiting = (number(flags) & pf_exiting) != 0;
  stat.kernels_own = (number(flags) & pf_user_worker) != 0;
  stat.minor_faults = number(minor_faults);
  stat.major_faults = number(major_faults);
  stat.wait_status = static_cast<int>(number(exit_code));
  return stat;
}

}  // namespace vireo
