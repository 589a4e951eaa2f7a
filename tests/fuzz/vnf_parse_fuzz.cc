// SPDX-License-Identifier: Apache-2.0
// The parser of packets: every view of what it has understood lies inside the frame.
#include <vector>

#include "input.h"
#include "vnf/checksum.h"

namespace vireo::fuzz {
namespace {

uint64_t sum;  // what is read must be used

void read(const uint8_t* at, uint32_t bytes) { sum += vnf::sum_bytes(at, bytes); }

uint32_t header_bytes(vnf::Transport transport) {
  switch (transport) {
    case vnf::Transport::tcp:
      return vnf::tcp_bytes;
    case vnf::Transport::none:
      return 0;
    default:
      return vnf::udp_bytes;
  }
}

void look(const vnf::Headers& h, bool quoted) {
  if (h.network == vnf::Network::arp) read(h.arp().at, vnf::arp_bytes);
  if (!h.ip()) return;
  require(
      h.network_offset <= h.transport_offset && h.transport_offset <= h.end && h.end <= h.length,
      "headers are out of order");
  read(h.source(), 2 * h.address_bytes());
  read(h.data + h.transport_offset,
       quoted && h.transport != vnf::Transport::none ? vnf::udp_bytes : header_bytes(h.transport));
  if (quoted || h.transport == vnf::Transport::none) return;
  if (h.transport == vnf::Transport::tcp)
    require(h.tcp().header_length() <= h.transport_bytes(), "a TCP header behind its packet's end");
  sum += transport_checksum(h);
}

}  // namespace
}  // namespace vireo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vireo;
  std::vector<uint8_t> frame(data, data + size);
  vnf::Headers h, quoted;
  if (!vnf::parse(frame.data(), static_cast<uint32_t>(size), h)) return 0;
  fuzz::look(h, false);
  if (vnf::parse_quoted(h, quoted)) fuzz::look(quoted, true);
  return 0;
}
