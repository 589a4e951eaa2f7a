// SPDX-License-Identifier: Apache-2.0
// Text forms of quantities, and small work on text that several folders need.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace vireo {

// "8MiB", "64KiB", "1GiB", "512", with k/M/G powers of 1000 also taken ("10MB").
Result<uint64_t> parse_bytes(std::string_view text);
std::string bytes_text(uint64_t bytes);  // "8.0 MiB", "512 B"

// "500us", "50ms", "10s", "2m", "1h".
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
std::string duration_text(std::chrono::nanoseconds duration);  // "2m10s", "1.4 ms", "41 us"

// RFC 3339 with microseconds, UTC: "2026-11-24T20:16:01.000123Z".
std::string timestamp(WallTime time);
Result<WallTime> parse_timestamp(std::string_view text);

std::vector<std::string_view> split(std::string_view text, char separator);

// The candidate closest to `word` by edit distance, or "" when none is closer than half its length.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

// Whole decimal number, nothing else around it.
Result<uint64_t> parse_number(std::string_view text);

std::string hex(std::span<const uint8_t> bytes);

}  // namespace vireo
