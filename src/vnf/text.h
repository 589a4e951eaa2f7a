// SPDX-License-Identifier: Apache-2.0
// A line of text put together without a library; what does not fit is left out.
#pragma once
#include "vnf/bytes.h"

namespace vireo::vnf {

class TextLine {
 public:
  TextLine& add(const char* text) {
    while (*text != '\0') put(*text++);
    return *this;
  }
  TextLine& add(uint64_t number) {
    char digits[20];
    uint32_t count = 0;
    do digits[count++] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    while (count > 0) put(digits[--count]);
    return *this;
  }
  // "10.0.0.1", "2001:db8::1" (RFC 5952).
  TextLine& add_ipv4(const uint8_t* address) {
    for (uint32_t i = 0; i < 4; i++) {
      if (i != 0) put('.');
      add(uint64_t{address[i]});
    }
    return *this;
  }
  TextLine& add_ipv6(const uint8_t* address) {
    uint32_t run = 8, length = 1;  // the longest run of zeros, two at least
    for (uint32_t i = 0; i < 8; i++) {
      uint32_t end = i;
      while (end < 8 && load16(address + 2 * end) == 0) end++;
      if (end - i > length) run = i, length = end - i;
    }
    for (uint32_t i = 0; i < 8; i++) {
      if (i == run) {
        add("::");
        i += length - 1;
        continue;
      }
      if (i != 0 && i != run + length) put(':');
      add_hex(load16(address + 2 * i));
    }
    return *this;
  }
  const char* text() const { return bytes_; }  // zero-terminated
  void clear() { bytes_[size_ = 0] = '\0'; }

 private:
  void put(char letter) {
    if (size_ + 1 == sizeof bytes_) return;
    bytes_[size_++] = letter;
    bytes_[size_] = '\0';
  }
  void add_hex(uint16_t number) {
    bool begun = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
      const uint32_t digit = number >> shift & 15u;
      begun |= digit != 0 || shift == 0;
      if (begun) put("0123456789abcdef"[digit]);
    }
  }

  char bytes_[256] = {};
  uint32_t size_ = 0;
};

}  // namespace vireo::vnf
