// SPDX-License-Identifier: Apache-2.0
// ICMP echo as ping sends it (64 bytes), with times finer than ping's microseconds: bare paths
// answer in three of them.
#pragma once
#include <chrono>
#include <vector>

#include "base/fd.h"
#include "base/net_address.h"
#include "base/result.h"

namespace vireo::bench {

class EchoProber {
 public:
  static Result<EchoProber> open(const IpAddress& target);  // IPv4
  // Round trips in microseconds, each request sent `gap` after the reply to the one before; 0: at
  // once, as `ping -f` does. A reply that does not come within a second is Errc::timed_out.
  Result<std::vector<double>> run(unsigned count, std::chrono::microseconds gap);

 private:
  explicit EchoProber(Fd socket) : socket_(std::move(socket)) {}
  Result<double> one();

  Fd socket_;
  uint16_t sequence_ = 0;
};

}  // namespace vireo::bench
