// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share: bytes read as values, and a requirement that ends the process.
//
// A target is one file NAME_fuzz.cc with libFuzzer's entry point. Every run begins from nothing:
// the same bytes give the same run.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace vireo::fuzz {

// Ends the process unless it holds: the fuzzer, or the replay, keeps the input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

// Values from the front of the bytes; zeroes behind their end.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : left_(data, size) {}
  bool empty() const { return left_.empty(); }

  template <class T>
  T take() {
    T value{};
    const auto bytes = take_bytes(sizeof value);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  // Fewer at the end.
  std::span<const uint8_t> take_bytes(size_t count) {
    const auto bytes = left_.first(count < left_.size() ? count : left_.size());
    left_ = left_.subspan(bytes.size());
    return bytes;
  }
  std::span<const uint8_t> rest() { return take_bytes(left_.size()); }

 private:
  std::span<const uint8_t> left_;
};

}  // namespace vireo::fuzz
