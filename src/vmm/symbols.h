// SPDX-License-Identifier: Apache-2.0
// Which function of an image an instruction belongs to, for the reason of a fault. Nothing in the
// file is trusted: every size is bounded, and what comes out is printable.
#pragma once
#include <cstddef>
#include <cstdint>

namespace vireo::vmm {

// Longer names are cut.
inline constexpr size_t most_name_bytes = 72;

// Writes "vireo::vnf::Nat::handle(...)+0x4c" with its ending zero, at most `room` bytes; returns
// the length. 0: the file has no function there, or no symbols. Reads the image's file anew:
// nothing is kept while the guest is well.
size_t name_place(int image, uint64_t address, char* text, size_t room);

// The same of one symbol's name: plain, nested and local names of the Itanium C++ ABI (5.1) as C++
// writes them, their parameters as "(...)", a lambda as "{lambda}"; any other as it is, with '?'
// for what is not printable.
size_t readable_name(const char* symbol, char* text, size_t room);

}  // namespace vireo::vmm
