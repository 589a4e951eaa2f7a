// SPDX-License-Identifier: Apache-2.0
#include "vnf/posix/port_io.h"

#include "vnf/posix/memory.h"

namespace vireo::vnf::posix {

namespace {

constexpr uint32_t vnet_bytes = sizeof(VirtioNetHeader);
constexpr uint32_t slot_count = batch_packets + extra_packets;
constexpr uint32_t slot_bytes = 17 * 4096;
constexpr uint32_t truncated = 0x20;  // MSG_TRUNC
constexpr uint32_t large_packet = 8192, large_batch = 8;
constexpr int64_t room_wait_ns = 1'000'000;

// A small packet touches one page of its slot. Slots start at differing places within their page:
// at the same place all headers of a batch would share one set of the first-level cache.
constexpr uint32_t data_offset(uint32_t slot) { return 64 + slot % 16 * 128; }
static_assert(data_offset(15) + frame_bytes <= slot_bytes);

}  // namespace

void PortIo::open(const Identity& identity) {
  constexpr int get_flags = 3, set_flags = 4, non_blocking = 0x800;
  slots_ = static_cast<uint8_t*>(map_memory(size_t{slot_count} * slot_bytes));
  if (slots_ == nullptr) fail("no memory for packets");
  count_ = identity.port_count;
  most_ = batch_packets;
  for (uint32_t port = 0; port < count_; port++) {
    const int fd = port_descriptor(port);
    const long flags = system_call(__NR_fcntl, fd, get_flags);
    if (flags < 0 || identity.ports[port].kind > 1) fail("a port has no descriptor of packets");
    socket_[port] = identity.ports[port].kind == 1;
    if (!socket_[port] && (flags & non_blocking) == 0)
      system_call(__NR_fcntl, fd, set_flags, flags | non_blocking);
  }
}

void PortIo::lay_out(Packet& packet, uint32_t slot, uint32_t port, uint32_t bytes) {
  uint8_t* data = slots_ + size_t{slot} * slot_bytes + data_offset(slot);
  packet.data = data;
  packet.vnet = reinterpret_cast<VirtioNetHeader*>(data - vnet_bytes);
  packet.length = bytes - vnet_bytes;
  packet.rest_bytes = 0;
  packet.in = static_cast<uint8_t>(port);
  packet.out = to_nowhere;
  packet.drop = drop_policy;
}

bool PortIo::receive(uint32_t port, Batch& batch) {
  taken_ = 0;
  const bool works = socket_[port] ? receive_socket(port) : receive_tap(port);
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < taken_; i++) bytes += packets_[i].length;
  if (taken_ > 0) {
    // Large segments in small batches stay in the cache between taking and sending.
    most_ = bytes / taken_ > large_packet ? large_batch : batch_packets;
    PortVitals& seen = vitals().ports[port];
    add(seen.rx_packets, taken_);
    add(seen.rx_bytes, bytes);
  }
  if (taken_ > touched_) touched_ = taken_;
  if (bytes > taken_ * 2048) touched_ = slot_count;
  batch.packets = packets_;
  batch.count = taken_;
  if (taken_ > 0) lay_out_extra(port, batch);
  return works;
}

void PortIo::lend(Batch& batch) {
  batch.packets = packets_;
  batch.count = 0;
  lay_out_extra(0, batch);
}

void PortIo::lay_out_extra(uint32_t port, Batch& batch) {
  for (uint32_t i = 0; i < extra_packets; i++)
    lay_out(extra_[i], batch_packets + i, port, vnet_bytes);
  batch.extra = extra_;
  batch.extra_room = extra_packets;
  batch.extra_count = 0;
}

bool PortIo::receive_tap(uint32_t port) {
  while (taken_ < most_) {
    uint8_t* at = slots_ + size_t{taken_} * slot_bytes + data_offset(taken_) - vnet_bytes;
    const long got = read(port_descriptor(port), at, vnet_bytes + frame_bytes);
    if (got == error_again || got == error_interrupted) return true;
    if (got < 0) return taken_ > 0;
    if (got <= static_cast<long>(vnet_bytes)) return taken_ > 0;
    lay_out(packets_[taken_], taken_, port, static_cast<uint32_t>(got));
    taken_++;
  }
  return true;
}

bool PortIo::receive_socket(uint32_t port) {
  for (uint32_t i = 0; i < most_; i++) {
    in_[i].at = slots_ + size_t{i} * slot_bytes + data_offset(i) - vnet_bytes;
    in_[i].bytes = vnet_bytes + frame_bytes;
    receiving_[i].header.vectors = &in_[i];
    receiving_[i].header.vector_count = 1;
  }
  const long got = receive_many(port_descriptor(port), receiving_, most_, message_dont_wait);
  if (got < 0) return got == error_again || got == error_interrupted;
  for (uint32_t i = 0; i < static_cast<uint32_t>(got); i++) {
    const bool whole = (receiving_[i].header.flags & truncated) == 0;
    if (whole && receiving_[i].bytes > vnet_bytes)
      lay_out(packets_[taken_++], i, port, receiving_[i].bytes);
    else
      add(vitals().drops[drop_malformed], 1);
  }
  return true;
}

void PortIo::send(Batch& batch) {
  waits_left_ = 2;
  uint32_t used = 0;  // ports that packets go to, as bits
  auto note = [&](const Packet& packet) {
    if (packet.out < count_)
      used |= 1u << packet.out;
    else if (packet.out != to_nowhere)
      add(vitals().drops[drop_output], 1);
    else if (packet.drop < drop_reason_count)
      add(vitals().drops[packet.drop], 1);
  };
  if (batch.extra_count > extra_packets) batch.extra_count = extra_packets;
  if (batch.extra_count > 0) touched_ = slot_count;
  for (uint32_t i = 0; i < batch.count; i++) note(batch.packets[i]);
  for (uint32_t i = 0; i < batch.extra_count; i++) note(batch.extra[i]);
  for (uint32_t port = 0; used != 0; port++, used >>= 1)
    if ((used & 1) != 0) send_to(port, batch);
}

void PortIo::send_to(uint32_t port, Batch& batch) {
  queued_ = 0;
  gather(port, batch.packets, batch.count);
  gather(port, batch.extra, batch.extra_count);
  if (socket_[port]) send_socket(port);
}

void PortIo::gather(uint32_t port, Packet* packets, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    const Packet& packet = packets[i];
    if (packet.out != port) continue;
    if (!socket_[port]) {
      send_tap(port, packet);
      continue;
    }
    sending_[queued_].header.vectors = &out_[2 * queued_];
    sending_[queued_].header.vector_count = parts_of(packet, &out_[2 * queued_]);
    queued_++;
  }
}

// In `parts`, which has room for two; how many.
uint32_t PortIo::parts_of(const Packet& packet, IoVector* parts) {
  parts[0] = {packet.vnet, packet.length + vnet_bytes};
  parts[1] = {const_cast<uint8_t*>(packet.rest), packet.rest_bytes};
  return packet.rest_bytes > 0 ? 2 : 1;
}

// A tap never says "full": its write carries the packet into the receiver's stack, or drops it.
void PortIo::send_tap(uint32_t port, const Packet& packet) {
  IoVector parts[2];
  const uint32_t count = parts_of(packet, parts);
  const long sent = write_parts(port_descriptor(port), parts, count);
  if (sent < 0) return add(vitals().drops[drop_output], 1);
  add(vitals().ports[port].tx_packets, 1);
  add(vitals().ports[port].tx_bytes, packet.length + packet.rest_bytes);
}

// A refused packet is dropped, the ones behind it are tried; a full output gets a little time.
void PortIo::send_socket(uint32_t port) {
  uint64_t bytes = 0, packets = 0, dropped = 0;
  for (uint32_t at = 0; at < queued_;) {
    const long sent =
        send_many(port_descriptor(port), sending_ + at, queued_ - at, message_dont_wait);
    for (long i = 0; i < sent; i++, at++, packets++)
      bytes += out_[2 * at].bytes - vnet_bytes + out_[2 * at + 1].bytes;
    if (sent > 0 || sent == error_interrupted) continue;
    if ((sent == error_again || sent == error_no_buffers) && wait_for_room(port)) continue;
    at++;
    dropped++;
  }
  PortVitals& seen = vitals().ports[port];
  add(seen.tx_packets, packets);
  add(seen.tx_bytes, bytes);
  if (dropped > 0) add(vitals().drops[drop_output], dropped);
}

bool PortIo::wait_for_room(uint32_t port) {
  if (waits_left_-- <= 0) return false;
  PollFd room{port_descriptor(port), poll_out, 0};
  wait_ready(&room, 1, room_wait_ns);
  return true;
}

void PortIo::shrink() {
  if (touched_ <= 2) return;
  give_back(slots_, size_t{slot_count} * slot_bytes);
  touched_ = 0;
}

}  // namespace vireo::vnf::posix
