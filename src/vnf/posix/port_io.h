// SPDX-License-Identifier: Apache-2.0
// Takes packets from the ports' descriptors and puts them out again: a tap one packet a call, a
// packet socket (AF_PACKET with PACKET_VNET_HDR) in batches.
#pragma once
#include "vnf/posix/process.h"

namespace vireo::vnf::posix {

inline constexpr uint32_t extra_packets = 4;

class PortIo {
 public:
  // Makes the buffers and looks at the descriptors; fails the process when there are none.
  void open(const Identity& identity);
  uint32_t count() const { return count_; }

  // At most batch_packets packets that wait at the port. False: none, and the port is in an error.
  bool receive(uint32_t port, Batch& batch);
  // No packets, only empty ones for the function to fill.
  void lend(Batch& batch);
  // Puts out what the function decided; counts it, and why the rest was dropped.
  void send(Batch& batch);
  // After a second without packets: pages that a burst touched go back.
  void shrink();

 private:
  bool receive_tap(uint32_t port);
  bool receive_socket(uint32_t port);
  void send_to(uint32_t port, Batch& batch);
  void send_tap(uint32_t port, const Packet& packet);
  void send_socket(uint32_t port);
  void gather(uint32_t port, Packet* packets, uint32_t count);
  void lay_out_extra(uint32_t port, Batch& batch);
  void lay_out(Packet& packet, uint32_t slot, uint32_t port, uint32_t bytes);
  static uint32_t parts_of(const Packet& packet, IoVector* parts);
  bool wait_for_room(uint32_t port);

  uint8_t* slots_ = nullptr;
  uint32_t count_ = 0;
  uint32_t taken_ = 0;    // packets of the batch
  uint32_t most_ = 0;     // packets that the next batch may take
  uint32_t touched_ = 0;  // slots that a large or late packet touched since shrink()
  uint32_t queued_ = 0;
  int waits_left_ = 0;  // for room at an output, in this batch
  bool socket_[max_ports] = {};
  Packet packets_[batch_packets] = {};
  Packet extra_[extra_packets] = {};
  IoVector in_[batch_packets] = {}, out_[2 * (batch_packets + extra_packets)] = {};
  Message receiving_[batch_packets] = {}, sending_[batch_packets + extra_packets] = {};
};

}  // namespace vireo::vnf::posix
