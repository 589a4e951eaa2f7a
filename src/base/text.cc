// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

namespace vireo {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 11> byte_units{{{"B", 1},
                                           {"", 1},
                                           {"KiB", 1024},
                                           {"MiB", 1048576},
                                           {"GiB", 1073741824},
                                           {"kB", 1e3},
                                           {"MB", 1e6},
                                           {"GB", 1e9},
                                           {"K", 1024},
                                           {"M", 1048576},
                                           {"G", 1073741824}}};
constexpr std::array<Unit, 6> time_units{
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};

// A non-negative number with one of `units` right behind it.
Result<double> parse_quantity(std::string_view text, std::span<const Unit> units,
                              std::string_view example) {
  double number = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc() && std::isfinite(number) && number >= 0) {
    std::string_view rest(parsed.ptr, static_cast<size_t>(text.data() + text.size() - parsed.ptr));
    for (const Unit& unit : units)
      if (unit.name == rest && number * unit.factor < 9e18) return number * unit.factor;
  }
  return Error{Errc::invalid, fmt::format("`{}` is not a quantity like `{}`", text, example)};
}

}  // namespace

Result<uint64_t> parse_bytes(std::string_view text) {
  return static_cast<uint64_t>(TRY(parse_quantity(text, byte_units, "64MiB")));
}

std::string bytes_text(uint64_t bytes) {
  static constexpr std::array<const char*, 5> names{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < names.size(); unit++) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, names[unit]);
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  double ns = TRY(parse_quantity(text, time_units, "50ms"));
  return std::chrono::nanoseconds(static_cast<int64_t>(ns));
}

std::string duration_text(std::chrono::nanoseconds duration) {
  auto ns = static_cast<double>(duration.count());
  if (ns < 1e6) return fmt::format("{:.0f} us", ns / 1e3);
  if (ns < 1e9)
    return ns < 10e6 ? fmt::format("{:.1f} ms", ns / 1e6) : fmt::format("{:.0f} ms", ns / 1e6);
  auto seconds = duration.count() / 1'000'000'000;
  if (seconds < 10) return fmt::format("{:.1f} s", ns / 1e9);
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{}d{:02}h", seconds / 86400, seconds % 86400 / 3600);
}

std::string timestamp(WallTime time) {
  auto us = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  std::time_t seconds = us / 1'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", parts, us % 1'000'000);
}

Result<WallTime> parse_timestamp(std::string_view text) {
  std::string copy(text);
  std::tm parts{};
  const char* end = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  Error bad{Errc::invalid, fmt::format("`{}` is not a time like 2026-11-24T20:16:01Z", text)};
  if (end == nullptr) return bad;
  int64_t us = 0;
  int64_t scale = 100'000;
  if (*end == '.')
    for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10) us += (*end - '0') * scale;
  if (*end == 'Z') end++;
  if (*end != '\0') return bad;
  return WallTime(std::chrono::seconds(timegm(&parts)) + std::chrono::microseconds(us));
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t from = 0;;) {
    size_t to = text.find(separator, from);
    parts.push_back(text.substr(from, to - from));
    if (to == std::string_view::npos) return parts;
    from = to + 1;
  }
}

static size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); j++) row[j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(word.size() / 2, 1) + 1;
  for (const std::string& candidate : candidates) {
    size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

Result<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return Error{Errc::invalid, fmt::format("`{}` is not a whole number", text)};
  return value;
}

std::string hex(std::span<const uint8_t> bytes) {
  return fmt::format("{:02x}", fmt::join(bytes.begin(), bytes.end(), ""));
}

}  // namespace vireo
