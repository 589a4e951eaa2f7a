// SPDX-License-Identifier: Apache-2.0
#include "vmm/rehearsal.h"

#include <unistd.h>

#include "vnf/ip_header.h"

namespace vireo::vmm {

namespace {

constexpr uint8_t stranger_mac[6] = {2, 0, 0, 0, 0, 1};
constexpr uint8_t stranger[4] = {192, 0, 2, 1}, nobody[4] = {192, 0, 2, 2};
constexpr uint16_t asked_port = 9, asking_port = 49152;  // discard; the first dynamic one

// pagemap.rst: bits 63 and 62, present or swapped; 61, still the file's own.
constexpr uint64_t there = 3ull << 62, of_the_file = 1ull << 61;

bool is_copied(uint64_t entry) { return (entry & there) != 0 && (entry & of_the_file) == 0; }

const uint8_t* address4(const vnf::AbiPort& port) {
  for (uint32_t i = 0; i < port.address_count && i < vnf::max_addresses; i++)
    if (port.addresses[i].family == 4) return port.addresses[i].bytes;
  return nobody;
}

const vnf::AbiNeighbour* neighbour4(const vnf::AbiPort& port) {
  for (uint32_t i = 0; i < port.neighbour_count && i < vnf::max_neighbours; i++)
    if (port.neighbours[i].address.family == 4) return &port.neighbours[i];
  return nullptr;
}

bool restore_pages(int file, GuestMemory& memory, uint64_t first, uint64_t count) {
  const uint64_t at = first * machine::page_bytes, bytes = count * machine::page_bytes;
  return count == 0 || ::pread(file, memory.own(at), bytes, static_cast<off_t>(at)) ==
                           static_cast<ssize_t>(bytes);
}

}  // namespace

void write_rehearsal_frame(const vnf::AbiPort& port, uint8_t* frame) {
  std::memset(frame, 0, rehearsal_frame_bytes);
  const vnf::AbiNeighbour* known = neighbour4(port);
  std::memcpy(frame, port.mac, 6);
  std::memcpy(frame + 6, known != nullptr ? known->mac : stranger_mac, 6);
  vnf::store16(frame + 12, vnf::ether_ipv4);
  uint8_t* const ip = frame + vnf::ethernet_bytes;
  vnf::write_ip_header(ip, vnf::Network::ipv4, vnf::protocol_tcp, vnf::tcp_bytes,
                       known != nullptr ? known->address.bytes : stranger, address4(port));
  const vnf::Tcp tcp{ip + vnf::ipv4_bytes};
  tcp.set_source(asking_port);
  tcp.set_destination(asked_port);
  tcp.set_header_length(vnf::tcp_bytes);
  tcp.set_flags(vnf::Tcp::syn);
  tcp.set_window(0xffff);
  const uint64_t pseudo =
      vnf::sum_bytes(vnf::Ipv4{ip}.source(), 8) + vnf::protocol_tcp + vnf::tcp_bytes;
  const uint64_t sum = pseudo + vnf::sum_bytes(tcp.at, vnf::tcp_bytes);
  vnf::store16(tcp.at + 16, static_cast<uint16_t>(~vnf::fold(sum)));
}

bool restore_copied_pages(int pagemap, int file, GuestMemory& memory) {
  constexpr uint64_t chunk = 512;
  uint64_t entries[chunk];
  const uint64_t base = reinterpret_cast<uint64_t>(memory.own(0)) / machine::page_bytes;
  const uint64_t pages = memory.bytes() / machine::page_bytes;
  for (uint64_t page = 0; page < pages; page += chunk) {
    const uint64_t count = pages - page < chunk ? pages - page : chunk;
    const auto bytes = static_cast<ssize_t>(count * sizeof entries[0]);
    if (::pread(pagemap, entries, static_cast<size_t>(bytes),
                static_cast<off_t>((base + page) * sizeof entries[0])) != bytes)
      return false;
    uint64_t run = 0;
    for (uint64_t i = 0; i < count; i++) {
      if (is_copied(entries[i])) {
        run++;
        continue;
      }
      if (!restore_pages(file, memory, page + i - run, run)) return false;
      run = 0;
    }
    if (!restore_pages(file, memory, page + count - run, run)) return false;
  }
  return true;
}

}  // namespace vireo::vmm
