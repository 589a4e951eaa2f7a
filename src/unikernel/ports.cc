// SPDX-License-Identifier: Apache-2.0
#include "unikernel/ports.h"

#include "vnf/vitals.h"

namespace vireo::unikernel {

namespace {
constexpr uint32_t fewest_slots = 8;  // of a port
}

bool Ports::prepare(uint32_t count) {
  if (count > vnf::max_ports) return false;
  for (uint32_t port = 0; port < count; port++)
    if (!devices_[port].is_open() && !devices_[port].open(network_device(port))) return false;
  return true;
}

// Twice what the devices hold: packets on their way out keep their slots until the next wait.
bool Ports::open(uint32_t count) {
  count_ = count;
  slots_.open(count * 2 * vnf::batch_packets + extra_packets);
  posted_ = count == 0 ? 0 : (slots_.count() - extra_packets) / (2 * count);
  return count == 0 || posted_ >= fewest_slots / 2;
}

void Ports::lend_extra(vnf::Batch& batch, uint32_t port) {
  batch.extra = extra_;
  batch.extra_room = 0;
  batch.extra_count = 0;
  for (vnf::Packet& packet : extra_) {
    uint8_t* frame = slots_.take();
    if (frame == nullptr) return;
    packet = {};
    packet.data = frame;
    packet.vnet = reinterpret_cast<vnf::VirtioNetHeader*>(frame - sizeof(vnf::VirtioNetHeader));
    packet.in = static_cast<uint8_t>(port);
    packet.out = vnf::to_nowhere;
    packet.drop = vnf::drop_policy;
    batch.extra_room++;
  }
}

void Ports::receive(uint32_t port, vnf::Batch& batch, vnf::Vitals& vitals) {
  batch.packets = packets_;
  batch.count = devices_[port].take(packets_, vnf::batch_packets);
  if (batch.count == 0) return;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < batch.count; i++) {
    packets_[i].in = static_cast<uint8_t>(port);
    bytes += packets_[i].length;
  }
  vnf::add(vitals.ports[port].rx_packets, batch.count);
  vnf::add(vitals.ports[port].rx_bytes, bytes);
  lend_extra(batch, port);
}

void Ports::lend(vnf::Batch& batch) {
  batch.packets = packets_;
  batch.count = 0;
  lend_extra(batch, 0);
}

void Ports::put(const vnf::Packet& packet, vnf::Vitals& vitals) {
  if (packet.out < count_ && devices_[packet.out].put(packet)) {
    vnf::add(vitals.ports[packet.out].tx_packets, 1);
    vnf::add(vitals.ports[packet.out].tx_bytes, packet.length + packet.rest_bytes);
    return;
  }
  const uint32_t reason = packet.out == vnf::to_nowhere ? packet.drop : uint32_t{vnf::drop_output};
  if (reason < vnf::drop_reason_count) vnf::add(vitals.drops[reason], 1);
  slots_.give(packet.data);
}

void Ports::send(vnf::Batch& batch, vnf::Vitals& vitals) {
  if (batch.extra_count > batch.extra_room) batch.extra_count = batch.extra_room;
  for (uint32_t i = 0; i < batch.count; i++) put(batch.packets[i], vitals);
  for (uint32_t i = 0; i < batch.extra_count; i++) put(batch.extra[i], vitals);
  for (uint32_t i = batch.extra_room; i > batch.extra_count; i--) slots_.give(extra_[i - 1].data);
}

void Ports::refill() {
  const uint32_t most = posted_ < vnf::batch_packets ? posted_ : vnf::batch_packets;
  for (uint32_t port = 0; port < count_; port++) {
    devices_[port].refill(slots_, most);
    if (must_notify()) devices_[port].notify();
  }
}

}  // namespace vireo::unikernel
