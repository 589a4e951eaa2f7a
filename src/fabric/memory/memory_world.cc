// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <algorithm>

#include "fabric/memory/memory_fabric.h"

namespace vireo {
namespace {

constexpr size_t vnet_header = 10;
constexpr size_t largest_frame = 64 * 1024 + 128;

MacAddress mac_at(const std::string& frame, size_t offset) {
  MacAddress mac;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(vnet_header + offset), 6,
              mac.bytes.begin());
  return mac;
}

}  // namespace

size_t MemoryWorld::size() {
  const std::lock_guard lock(mutex_);
  return links_.size() + ports_.size();
}

void MemoryWorld::count(const PortId& id, const PortCounters& more) {
  const std::lock_guard lock(mutex_);
  PortCounters& counters = ports_.at(id).counters;
  counters.rx_packets += more.rx_packets;
  counters.rx_dropped += more.rx_dropped;
  counters.tx_packets += more.tx_packets;
  counters.tx_dropped += more.tx_dropped;
}

void MemoryWorld::fail_next(const std::string& call, Error error) {
  const std::lock_guard lock(mutex_);
  failures_.emplace(call, std::move(error));
}

std::optional<Error> MemoryWorld::failure(const std::string& call) {
  const auto found = failures_.find(call);
  if (found == failures_.end()) return std::nullopt;
  Error error = std::move(found->second);
  failures_.erase(found);
  return error;
}

void MemoryWorld::give(Port& port, const std::string& frame) {
  const bool open = port.gate == GateState::open;
  if (!open ||
      ::send(port.outside.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    ++port.counters.rx_dropped;
    return;
  }
  ++port.counters.rx_packets;
  port.counters.rx_bytes += frame.size() - vnet_header;
}

bool MemoryWorld::deliver(const Port& from, const std::string& frame) {
  if (frame.size() < vnet_header + 14) return false;
  const MacAddress to = mac_at(frame, 0);
  if (!to.is_multicast()) {
    const auto& table = behind_[from.spec.link];
    const auto owner = table.find(to);
    if (owner != table.end()) {
      if (owner->second == from.spec.id) return false;
      give(ports_[owner->second], frame);
      return true;
    }
  }
  bool given = to.is_multicast();
  for (auto& [id, port] : ports_) {
    const bool takes = port.spec.outward || (to.is_multicast() && port.spec.broadcast);
    if (port.spec.link != from.spec.link || id == from.spec.id || !takes) continue;
    give(port, frame);
    given = true;
  }
  return given;
}

void MemoryWorld::pump() {
  const std::lock_guard lock(mutex_);
  std::string frame(largest_frame, '\0');
  for (auto& [id, port] : ports_) {
    for (;;) {
      frame.resize(largest_frame);
      const ssize_t size = ::recv(port.outside.get(), frame.data(), frame.size(), MSG_DONTWAIT);
      if (size <= 0) break;
      frame.resize(static_cast<size_t>(size));
      if (port.gate == GateState::blocked || frame.size() < vnet_header) {
        ++port.counters.tx_dropped;
        continue;
      }
      ++port.counters.tx_packets;
      port.counters.tx_bytes += frame.size() - vnet_header;
      deliver(port, frame);
    }
  }
}

}  // namespace vireo
