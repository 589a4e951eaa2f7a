// SPDX-License-Identifier: Apache-2.0
// The four memory functions that the compiler may call, for programs without a library.
#include <stddef.h>
#include <stdint.h>

extern "C" {

// `rep movsb` and `rep stosb` are as fast as anything else on processors with ERMS.
void* memcpy(void* to, const void* from, size_t count) {
  void* result = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  return result;
}

void* memmove(void* to, const void* from, size_t count) {
  if (reinterpret_cast<uintptr_t>(to) - reinterpret_cast<uintptr_t>(from) >= count)
    return memcpy(to, from, count);
  auto* t = static_cast<uint8_t*>(to) + count - 1;
  auto* f = static_cast<const uint8_t*>(from) + count - 1;
  asm volatile("std; rep movsb; cld" : "+D"(t), "+S"(f), "+c"(count) : : "memory");
  return to;
}

void* memset(void* at, int value, size_t count) {
  void* result = at;
  asm volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(value) : "memory");
  return result;
}

int memcmp(const void* a, const void* b, size_t count) {
  const auto* x = static_cast<const uint8_t*>(a);
  const auto* y = static_cast<const uint8_t*>(b);
  for (; count != 0; x++, y++, count--)
    if (*x != *y) return *x - *y;
  return 0;
}
}
