// SPDX-License-Identifier: Apache-2.0
// Tables and quantities as people read them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace vireo {

struct Column {
  std::string title;
  bool right = false;  // numbers
  int need = 0;        // columns of the least need leave first when the terminal is narrow; 0 stays
};

// The header and the rows, three blanks between columns, no blanks at line ends. `width` 0: no
// limit.
std::string table_text(const std::vector<Column>& columns,
                       const std::vector<std::vector<std::string>>& rows, size_t width);

std::string milliseconds_text(double ms);      // "0.35 ms", "1.4 ms", "38 ms", "2.1 s"
std::string uptime_text(const Json& seconds);  // "2m10s", "-" for null
std::string rate_text(double per_second);      // "81.2 k", "12"

}  // namespace vireo
