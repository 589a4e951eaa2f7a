// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/packets.h"

#include "vnf/ip_header.h"

namespace vireo::vnf::tcp {
namespace {

constexpr uint8_t option_end = 0, option_nothing = 1, option_mss = 2, option_scale = 3,
                  option_selective = 4, option_blocks = 5;

void read_blocks(const uint8_t* at, uint32_t count, Segment& segment) {
  for (; count >= 8 && segment.block_count < most_blocks; at += 8, count -= 8)
    segment.blocks[segment.block_count++] = {load32(at), load32(at + 4)};
}

void read_options(const uint8_t* at, uint32_t count, Segment& segment) {
  while (count > 0 && at[0] != option_end) {
    if (at[0] == option_nothing) {
      at++, count--;
      continue;
    }
    if (count < 2 || at[1] < 2 || at[1] > count) return;
    if (at[0] == option_blocks) read_blocks(at + 2, at[1] - 2u, segment);
    if (segment.has(Tcp::syn)) {
      if (at[0] == option_mss && at[1] == 4) segment.mss = load16(at + 2);
      if (at[0] == option_scale && at[1] == 3) segment.scale = at[2];
      if (at[0] == option_selective && at[1] == 2) segment.selective = true;
    }
    count -= at[1];
    at += at[1];
  }
}

uint32_t write_blocks(uint8_t* at, const Segment& segment) {
  const uint32_t bytes = 2u + 8u * segment.block_count;
  at[0] = at[1] = option_nothing;
  at[2] = option_blocks;
  at[3] = static_cast<uint8_t>(bytes);
  for (uint32_t i = 0; i < segment.block_count; i++) {
    store32(at + 4 + 8 * i, segment.blocks[i].from);
    store32(at + 8 + 8 * i, segment.blocks[i].to);
  }
  return 2 + bytes;
}

uint32_t write_greeting(uint8_t* at, const Segment& segment) {
  uint32_t bytes = 4;
  at[0] = option_mss;
  at[1] = 4;
  store16(at + 2, segment.mss);
  if (segment.scale != no_scale) {
    at[bytes] = option_nothing;
    at[bytes + 1] = option_scale;
    at[bytes + 2] = 3;
    at[bytes + 3] = segment.scale;
    bytes += 4;
  }
  if (segment.selective) {
    at[bytes] = at[bytes + 1] = option_nothing;
    at[bytes + 2] = option_selective;
    at[bytes + 3] = 2;
    bytes += 4;
  }
  return bytes;
}

uint32_t write_options(uint8_t* at, const Segment& segment) {
  if (segment.has(Tcp::syn)) return write_greeting(at, segment);
  return segment.block_count > 0 ? write_blocks(at, segment) : 0;
}

// Header bytes, options included.
uint32_t write_tcp(const Tcp& tcp, const Path& path, const Segment& segment) {
  const uint32_t bytes = tcp_bytes + write_options(tcp.at + tcp_bytes, segment);
  tcp.set_source(path.our_port);
  tcp.set_destination(path.their_port);
  tcp.set_sequence(segment.sequence);
  tcp.set_acknowledged(segment.acknowledged);
  tcp.set_header_length(bytes);
  tcp.set_flags(segment.flags);
  tcp.set_window(segment.window);
  tcp.set_urgent(0);
  return bytes;
}

// The device adds the rest of the sum: RFC 9293, 3.1 has the pseudo header.
uint16_t pseudo_header_sum(const Path& path, uint32_t tcp_and_payload) {
  const uint32_t address = path.network == Network::ipv4 ? 4 : 16;
  return fold(sum_bytes(path.our_address, address) + sum_bytes(path.their_address, address) +
              protocol_tcp + tcp_and_payload);
}

}  // namespace

Segment segment_of(const Headers& h) {
  const Tcp tcp = h.tcp();
  Segment segment;
  segment.sequence = tcp.sequence();
  segment.acknowledged = tcp.acknowledged();
  segment.flags = tcp.flags();
  segment.window = load16(tcp.at + 14);
  segment.payload = tcp.at + tcp.header_length();
  segment.length = h.transport_bytes() - tcp.header_length();
  if (tcp.header_length() > tcp_bytes)
    read_options(tcp.at + tcp_bytes, tcp.header_length() - tcp_bytes, segment);
  return segment;
}

void write_packet(Packet& packet, const Path& path, const Segment& segment, uint32_t mss,
                  uint16_t id) {
  const bool v4 = path.network == Network::ipv4;
  const Ethernet ethernet{packet.data};
  copy_bytes(ethernet.destination(), path.their_mac, 6);
  copy_bytes(ethernet.source(), path.our_mac, 6);
  ethernet.set_type(v4 ? ether_ipv4 : ether_ipv6);
  const uint32_t at = ethernet_bytes + ip_header_bytes(path.network);
  const Tcp tcp{packet.data + at};
  const uint32_t header = write_tcp(tcp, path, segment);
  const uint32_t bytes = header + segment.length;
  write_ip_header(packet.data + ethernet_bytes, path.network, protocol_tcp, bytes, path.our_address,
                  path.their_address, id);
  store16(tcp.at + 16, pseudo_header_sum(path, bytes));
  packet.length = at + header;
  packet.out = path.port;
  VirtioNetHeader& offload = *packet.vnet;
  offload = {};
  offload.flags = vnet_needs_csum;
  offload.csum_start = static_cast<uint16_t>(at);
  offload.csum_offset = 16;
  if (segment.length > mss) {
    offload.gso_type = v4 ? vnet_gso_tcp4 : vnet_gso_tcp6;
    offload.gso_size = static_cast<uint16_t>(mss);
    offload.header_length = static_cast<uint16_t>(at + header);
  }
}

}  // namespace vireo::vnf::tcp
