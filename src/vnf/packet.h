// SPDX-License-Identifier: Apache-2.0
// Packets as a network function sees them, on every technology. Freestanding.
//
// Each packet is an Ethernet frame of up to 64 KiB + headers with its virtio_net header
// (virtio 1.1, 5.1.6): a partial checksum and the segmentation of a large TCP segment stay with the
// packet, so a 64 KB segment crosses a function as one packet.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace vireo::vnf {

// struct virtio_net_hdr, the 10-byte form, as tap and AF_PACKET carry it.
struct [[gnu::packed]] VirtioNetHeader {
  uint8_t flags;           // vnet_needs_csum, vnet_data_valid
  uint8_t gso_type;        // vnet_gso_*
  uint16_t header_length;  // of Ethernet, IP and TCP together, when segmented
  uint16_t gso_size;       // payload bytes of one segment
  uint16_t csum_start;     // where checksumming starts, from the frame's first byte
  uint16_t csum_offset;    // where the sum goes, from csum_start
};
static_assert(sizeof(VirtioNetHeader) == 10);
inline constexpr uint8_t vnet_needs_csum = 1, vnet_data_valid = 2;
inline constexpr uint8_t vnet_gso_none = 0, vnet_gso_tcp4 = 1, vnet_gso_udp = 3, vnet_gso_tcp6 = 4,
                         vnet_gso_udp_l4 = 5, vnet_gso_ecn = 0x80;

inline constexpr uint32_t frame_bytes = 65536 + 256;  // room for one packet's frame
inline constexpr uint32_t batch_packets = 32;
inline constexpr uint32_t packet_headroom = 48;  // in front of a packet's virtio_net header

// Where a packet goes. Any other value is an output port's number.
inline constexpr uint8_t to_nowhere = 0xff;

struct Packet {
  VirtioNetHeader* vnet;  // right in front of `data`
  uint8_t* data;    // the Ethernet header; `packet_headroom` bytes before `vnet` are ours to use
  uint32_t length;  // bytes of the frame
  uint8_t in;       // the port it came from
  uint8_t out;      // set by the function: a port, or to_nowhere
  uint8_t drop;     // DropReason when `out` is to_nowhere
  uint8_t reserved;
  // Of an extra packet only: what follows the `length` bytes on the wire, but lies elsewhere. It
  // may be read until the packet has left.
  const uint8_t* rest = nullptr;
  uint32_t rest_bytes = 0;
};

// Up to batch_packets packets that arrived together, in order. A function reads and rewrites each
// packet in place and sets `out`; it may also turn a packet into its answer (out = in). A packet
// that a function has to send of its own accord (an ARP request) is put into `extra`.
struct Batch {
  Packet* packets;
  uint32_t count;
  uint64_t now_ns;       // CLOCK_MONOTONIC, read once for the batch
  Packet* extra;         // empty buffers with frame_bytes of room each
  uint32_t extra_room;   // how many
  uint32_t extra_count;  // how many the function filled
};

}  // namespace vireo::vnf
