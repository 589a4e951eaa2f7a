// SPDX-License-Identifier: Apache-2.0
#include "model/instance.h"

#include <fmt/format.h>

#include <csignal>
#include <cstring>

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

}  // namespace vireo
