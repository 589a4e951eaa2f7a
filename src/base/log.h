// SPDX-License-Identifier: Apache-2.0
// The daemon's own log: one event a line, `time level message key=value ...`, on standard error.
#pragma once
#include <spdlog/spdlog.h>

namespace vireo {

enum class LogFormat { text, json };

// Once, at the start of a program. Thread-safe afterwards: use spdlog::info("...", ...).
void set_up_log(LogFormat format, spdlog::level::level_enum level);

}  // namespace vireo
