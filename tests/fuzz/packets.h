// SPDX-License-Identifier: Apache-2.0
// Packets for fuzz targets of network functions: buffers, frames from the input, and what must hold
// of every packet that a function gives back.
#pragma once
#include <sanitizer/asan_interface.h>

#include <array>
#include <memory>

#include "input.h"
#include "vnf/checksum.h"

namespace vireo::fuzz {

// Bit of the input's flags of a frame.
inline constexpr uint8_t frame_has_vnet = 1;  // ten bytes of a virtio_net header come first
inline constexpr uint8_t frame_is_right = 2;  // its checksums are made right

// Room for one packet. The address sanitizer sees every access beyond it.
class PacketBuffer {
 public:
  // With `tight`, nothing behind the frame is the function's to use.
  vnf::Packet packet_from(Input& input, uint32_t ports, bool tight) {
    const auto in = static_cast<uint8_t>(input.take<uint8_t>() % ports);
    const auto flags = input.take<uint8_t>();
    vnf::VirtioNetHeader vnet{};
    if ((flags & frame_has_vnet) != 0) vnet = input.take<vnf::VirtioNetHeader>();
    const auto bytes = input.take_bytes(input.take<uint16_t>());
    vnf::Packet packet = empty(in);
    *packet.vnet = vnet;
    std::memcpy(packet.data, bytes.data(), bytes.size());
    packet.length = static_cast<uint32_t>(bytes.size());
    if ((flags & frame_is_right) != 0) make_right(packet);
    // An answer of a function's own is no larger than that, a longer frame only becomes shorter.
    constexpr uint32_t largest_answer = 1536;
    const uint32_t end = tight || packet.length > largest_answer ? packet.length : largest_answer;
    ASAN_POISON_MEMORY_REGION(packet.data + end, vnf::frame_bytes - end);
    return packet;
  }
  vnf::Packet empty(uint8_t in) {
    ASAN_UNPOISON_MEMORY_REGION(at_.get(), whole);
    std::memset(at_.get(), 0, whole < cleared ? whole : cleared);
    auto* vnet = reinterpret_cast<vnf::VirtioNetHeader*>(at_.get() + vnf::packet_headroom);
    return {vnet, reinterpret_cast<uint8_t*>(vnet + 1), 0, in, vnf::to_nowhere, 0, 0};
  }

  void check(const vnf::Packet& packet, uint32_t ports) const {
    require(packet.out < ports || packet.out == vnf::to_nowhere, "a packet goes to no port");
    require(reinterpret_cast<uint8_t*>(packet.vnet + 1) == packet.data,
            "a packet's virtio_net header is elsewhere");
    require(reinterpret_cast<uint8_t*>(packet.vnet) >= at_.get() &&
                packet.data + packet.length <= at_.get() + whole,
            "a packet lies outside of its room");
  }

  // Whole, and every checksum is the right one, as far as it is to be told.
  static bool right(const vnf::Packet& packet) {
    vnf::Headers h;
    if ((packet.vnet->flags & vnf::vnet_needs_csum) != 0 || !parse(packet, h) || !h.ip())
      return false;
    if (h.network == vnf::Network::ipv4 && vnf::ipv4_checksum(h.ipv4()) != h.ipv4().checksum())
      return false;
    vnf::VirtioNetHeader plain{};
    vnf::Packet copy = packet;
    copy.vnet = &plain;
    return transport_checksum_valid(copy, h);
  }

 private:
  static constexpr size_t whole =
      vnf::packet_headroom + sizeof(vnf::VirtioNetHeader) + vnf::frame_bytes;
  static constexpr size_t cleared = 8192;  // more than a run's input

  static void make_right(vnf::Packet& packet) {
    vnf::Headers h;
    if (!parse(packet, h)) return;
    if (h.network == vnf::Network::ipv4) h.ipv4().set_checksum(vnf::ipv4_checksum(h.ipv4()));
    if (!h.fragment && (packet.vnet->flags & vnf::vnet_needs_csum) == 0)
      finish_transport_checksum(packet, h);
  }

  std::unique_ptr<uint8_t[]> at_ = std::make_unique<uint8_t[]>(whole);
};

}  // namespace vireo::fuzz
