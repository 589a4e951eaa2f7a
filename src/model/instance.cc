// SPDX-License-Identifier: Apache-2.0
#include "model/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "model/technology.h"

namespace vireo {

static std::string signal_text(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? fmt::format("signal {} (SIG{})", number, name)
                         : fmt::format("signal {}", number);
}

std::string to_string(const ExitReason& reason) {
  switch (reason.kind) {
    case ExitKind::code:
      return fmt::format("exit code {}", reason.value);
    case ExitKind::signal:
      return signal_text(reason.value);
    case ExitKind::out_of_memory:
      return "out of memory";
    case ExitKind::killed:
      return "killed on request";
    case ExitKind::lost:
      return "lost, its exit was not seen";
  }
  check_failed("an exit kind without a text", __FILE__, __LINE__);
}

static bool same_places(const std::vector<FileContent>& one,
                        const std::vector<FileContent>& other) {
  return std::ranges::equal(one, other, [](const FileContent& a, const FileContent& b) {
    return a.path == b.path && a.mode == b.mode;
  });
}

bool same_program(const InstanceSpec& one, const InstanceSpec& other) {
  return one.technology == other.technology && one.image_digest == other.image_digest &&
         one.function.has_value() == other.function.has_value() && one.root == other.root &&
         one.process == other.process && one.capabilities == other.capabilities &&
         (!is_machine(one.technology) || one.resources.memory == other.resources.memory) &&
         same_places(one.files, other.files);
}

}  // namespace vireo
