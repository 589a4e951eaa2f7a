// SPDX-License-Identifier: Apache-2.0
// Network byte order at any alignment, copying and comparing, without a library. Nothing here
// checks a length: callers have parsed (vnf/parse.h).
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace vireo::vnf {

inline uint16_t load16(const uint8_t* at) {
  uint16_t value;
  __builtin_memcpy(&value, at, sizeof value);
  return __builtin_bswap16(value);
}
inline uint32_t load32(const uint8_t* at) {
  uint32_t value;
  __builtin_memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}
inline void store16(uint8_t* at, uint16_t value) {
  value = __builtin_bswap16(value);
  __builtin_memcpy(at, &value, sizeof value);
}
inline void store32(uint8_t* at, uint32_t value) {
  value = __builtin_bswap32(value);
  __builtin_memcpy(at, &value, sizeof value);
}

inline bool same_bytes(const uint8_t* a, const uint8_t* b, size_t count) {
  return __builtin_memcmp(a, b, count) == 0;
}
inline void copy_bytes(uint8_t* to, const uint8_t* from, size_t count) {
  __builtin_memcpy(to, from, count);
}
inline void swap_bytes(uint8_t* a, uint8_t* b, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t kept = a[i];
    a[i] = b[i];
    b[i] = kept;
  }
}

}  // namespace vireo::vnf
