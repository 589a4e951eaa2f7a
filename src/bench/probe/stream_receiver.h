// SPDX-License-Identifier: Apache-2.0
// The receiving end of a TCP stream with this host's stack: what a sender's own word is checked by.
#pragma once
#include <chrono>
#include <cstdint>

#include "base/fd.h"
#include "base/net_address.h"
#include "base/result.h"

namespace vireo::bench {

class StreamReceiver {
 public:
  static Result<StreamReceiver> open(const IpAddress& address, uint16_t port);  // IPv4
  // Takes one stream to its end; Gb/s from its connection on. Errc::timed_out: nobody connects, or
  // nothing comes, for `longest_pause`.
  Result<double> take(std::chrono::milliseconds longest_pause);

 private:
  explicit StreamReceiver(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

}  // namespace vireo::bench
