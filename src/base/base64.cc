// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <cstdint>

namespace vireo {
namespace {

constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The value of a digit, 64 for what is none.
uint32_t value_of(char digit) {
  size_t at = digits.find(digit);
  return at == std::string_view::npos ? 64 : static_cast<uint32_t>(at);
}

// Appends the bytes of one group of four digits; false when it is no such group.
bool append_group(std::string_view group, bool last, std::string& out) {
  size_t padding = 0;
  if (last && group[3] == '=') padding = group[2] == '=' ? 2 : 1;
  uint32_t bits = 0;
  for (size_t i = 0; i < 4; i++) {
    uint32_t value = i < 4 - padding ? value_of(group[i]) : 0;
    if (value == 64) return false;
    bits = bits << 6 | value;
  }
  for (size_t i = 0; i < 3 - padding; i++)
    out.push_back(static_cast<char>(bits >> (16 - 8 * i) & 0xff));
  return true;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    std::string_view group = bytes.substr(at, 3);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; i++)
      bits = bits << 8 | (i < group.size() ? static_cast<uint8_t>(group[i]) : 0u);
    for (size_t i = 0; i < 4; i++)
      out.push_back(i <= group.size() ? digits[bits >> (18 - 6 * i) & 63] : '=');
  }
  return out;
}

Result<std::string> from_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  bool valid = text.size() % 4 == 0;
  for (size_t at = 0; valid && at < text.size(); at += 4)
    valid = append_group(text.substr(at, 4), at + 4 == text.size(), out);
  if (!valid) return Error{Errc::invalid, "not base64 text"};
  return out;
}

}  // namespace vireo
