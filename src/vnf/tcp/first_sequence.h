// SPDX-License-Identifier: Apache-2.0
// Initial sequence numbers that nobody outside can guess (RFC 6528): a clock of 4 us, plus a keyed
// hash of the connection's ends. The key is the instance's random seed, so another generation, or
// another fork of the same memory, counts from elsewhere.
#pragma once
#include "vnf/abi.h"
#include "vnf/bytes.h"

namespace vireo::vnf::tcp {

// SipHash-2-4 (Aumasson, Bernstein 2012) of whole words.
class SipHash {
 public:
  explicit SipHash(const uint8_t* key) {
    uint64_t k[2];
    __builtin_memcpy(k, key, sizeof k);
    v_[0] = k[0] ^ 0x736f6d6570736575;
    v_[1] = k[1] ^ 0x646f72616e646f6d;
    v_[2] = k[0] ^ 0x6c7967656e657261;
    v_[3] = k[1] ^ 0x7465646279746573;
  }
  void add(uint64_t word) {
    v_[3] ^= word;
    rounds(2);
    v_[0] ^= word;
    bytes_ += 8;
  }
  uint64_t finish() {
    add(bytes_ << 56);
    v_[2] ^= 0xff;
    rounds(4);
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  }

 private:
  static uint64_t turned(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }
  void half_round(int a, int b, int c, int d, int s, int t) {
    v_[a] += v_[b];
    v_[c] += v_[d];
    v_[b] = turned(v_[b], s) ^ v_[a];
    v_[d] = turned(v_[d], t) ^ v_[c];
    v_[a] = turned(v_[a], 32);
  }
  void rounds(int count) {
    for (; count > 0; count--) {
      half_round(0, 1, 2, 3, 13, 16);
      half_round(2, 1, 0, 3, 17, 21);
    }
  }
  uint64_t v_[4];
  uint64_t bytes_ = 0;
};

// `T` is plain data without padding, a multiple of eight bytes: the ends of the connection.
template <class T>
uint64_t secret_hash(const Identity& identity, const T& ends) {
  static_assert(sizeof(T) % 8 == 0);
  uint64_t words[sizeof(T) / 8];
  __builtin_memcpy(words, &ends, sizeof ends);
  SipHash hash(identity.seed + 16);  // the first half keys the tables of flows
  for (const uint64_t word : words) hash.add(word);
  return hash.finish();
}
template <class T>
uint32_t first_sequence(const Identity& identity, const T& ends, uint64_t now_ns) {
  return static_cast<uint32_t>(secret_hash(identity, ends) + now_ns / 4000);
}

}  // namespace vireo::vnf::tcp
