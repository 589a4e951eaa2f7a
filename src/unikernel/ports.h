// SPDX-License-Identifier: Apache-2.0
// The function's packets between its ports' devices. A packet that goes on stays in its slot.
#pragma once
#include "unikernel/virtio_net.h"
#include "vnf/abi.h"

namespace vireo::unikernel {

class Ports {
 public:
  // Opens the devices of the first `count` ports that are not open yet.
  bool prepare(uint32_t count);
  // Makes room for packets, once; false: there is none.
  bool open(uint32_t count);
  uint32_t count() const { return count_; }

  // What has come in at the port, at most batch_packets.
  void receive(uint32_t port, vnf::Batch& batch, vnf::Vitals& vitals);
  // No packets, only empty ones for the function to fill; as many as there is room for.
  void lend(vnf::Batch& batch);
  // Queues what the function decided; counts it, and why the rest was dropped.
  void send(vnf::Batch& batch, vnf::Vitals& vitals);
  // Before each wait: empty slots for what comes.
  void refill();

 private:
  static constexpr uint32_t extra_packets = 4;
  void lend_extra(vnf::Batch& batch, uint32_t port);
  void put(const vnf::Packet& packet, vnf::Vitals& vitals);

  VirtioNet devices_[vnf::max_ports] = {};
  Slots slots_{};
  uint32_t count_ = 0, posted_ = 0;
  vnf::Packet packets_[vnf::batch_packets] = {};
  vnf::Packet extra_[extra_packets] = {};
};

}  // namespace vireo::unikernel
