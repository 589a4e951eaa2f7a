// SPDX-License-Identifier: Apache-2.0
// Between the keeper and a process that makes others of its own kind, its zygote, over a socket of
// packets (SOCK_SEQPACKET): one request, one answer. With the request come the descriptors of the
// new process: its outputs 1 and 2, then what the request of the keeper's client names. The new
// process is the keeper's child (clone(2), CLONE_PARENT), so that the keeper reaps it. Plain data,
// for static programs.
#pragma once
#include <cstdint>

namespace vireo::keeper {

struct ZygoteRequest {
  uint64_t argument = 0;  // the zygote knows what it means
};

struct ZygoteAnswer {
  int32_t pid = 0;
  int32_t error_number = 0;  // 0: it lives
};

}  // namespace vireo::keeper
