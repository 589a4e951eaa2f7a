// SPDX-License-Identifier: Apache-2.0
#include "control/reconcile/handover.h"

namespace vireo {
namespace {

uint64_t excess(uint64_t of, uint64_t over) { return of > over ? of - over : 0; }

}  // namespace

// What the old one did not take is none of it: frames for all have come to the next one too.
TrafficCount count_traffic(std::span<const PortCounters> old, std::span<const PortCounters> next,
                           uint64_t read) {
  TrafficCount count{.read = read};
  for (const PortCounters& port : old) {
    count.refused += port.tx_dropped;
    count.delivered += port.rx_packets;
  }
  for (const PortCounters& port : next) {
    count.refused += port.tx_dropped;
    count.missed += port.rx_dropped;
  }
  return count;
}

uint64_t packets_read(const vnf::Vitals& vitals) {
  uint64_t read = 0;
  for (const vnf::PortVitals& port : vitals.ports) read += port.rx_packets;
  return read;
}

uint64_t unread(const TrafficCount& count) { return excess(count.delivered, count.read); }

// Of what was delivered a function may have missed some in its queues' overflow long ago.
uint64_t lost_between(const TrafficCount& before, const TrafficCount& after) {
  return excess(after.refused, before.refused) + excess(after.missed, before.missed) +
         excess(unread(after), unread(before));
}

}  // namespace vireo
