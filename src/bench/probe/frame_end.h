// SPDX-License-Identifier: Apache-2.0
// An end of a way that UDP datagrams are sent over, as whole frames past the stack of its network
// namespace; and a stream between two ends that never has more on its way than a window, so that
// what is counted is what the way carries, not what it throws away.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/net_address.h"
#include "base/result.h"

namespace vireo::bench {

inline constexpr size_t least_frame = 60, most_frame = 1514;  // bytes, without the checksum

struct Datagram {
  MacAddress from_mac, to_mac;
  IpAddress from, to;  // IPv4
  uint16_t from_port = 0, to_port = 0;
};
// Pure. `bytes` is from least_frame to most_frame; the UDP checksum is left out (RFC 768).
std::vector<uint8_t> frame_of(const Datagram& datagram, size_t bytes);
Datagram datagram_of(std::span<const uint8_t> frame);  // of a frame that is_ours()
bool is_ours(std::span<const uint8_t> frame);          // made by frame_of(), maybe translated
Datagram answer_to(const Datagram& datagram);

class FrameEnd {
 public:
  // On the interface of the calling thread's network namespace that has the address.
  static Result<FrameEnd> open(const IpAddress& address);
  const Fd& socket() const { return socket_; }
  const MacAddress& mac() const { return mac_; }

 private:
  FrameEnd(Fd socket, MacAddress mac) : socket_(std::move(socket)), mac_(mac) {}
  Fd socket_;
  MacAddress mac_;
};

struct Stream {
  std::chrono::milliseconds duration{300};          // it ends sooner when there is no frame left
  std::function<bool(std::vector<uint8_t>&)> next;  // fills the next frame; false: no more
  std::function<void(std::span<const uint8_t>)> arrived;  // hears the head of each; may be empty
};
struct StreamFigures {
  uint64_t sent = 0, arrived = 0;
  double seconds = 0;  // until the last arrival
};
Result<StreamFigures> run_stream(const FrameEnd& from, const FrameEnd& to, const Stream& stream);

}  // namespace vireo::bench
