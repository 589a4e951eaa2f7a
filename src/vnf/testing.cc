// SPDX-License-Identifier: Apache-2.0
#include "vnf/testing.h"

#include <arpa/inet.h>

#include <cstdio>

namespace vireo::vnf::testing {

namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void put_mac(uint8_t* at, const std::string& text) {
  unsigned b[6] = {};
  std::sscanf(text.c_str(), "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]);
  for (int i = 0; i < 6; i++) at[i] = static_cast<uint8_t>(b[i]);
}

uint32_t transport_header(const Build& build) {
  if (build.protocol == protocol_tcp) return tcp_bytes;
  const bool small = build.protocol == protocol_udp || build.protocol == protocol_icmp ||
                     build.protocol == protocol_icmp6;
  return small ? udp_bytes : 0;
}

void put_ip(const Build& build, uint8_t* at, uint32_t payload, bool v6) {
  if (v6) {
    const Ipv6 ip{at};
    at[0] = 0x60;
    ip.set_payload_length(static_cast<uint16_t>(payload));
    ip.set_next_header(build.protocol);
    ip.set_hop_limit(build.ttl);
  } else {
    const Ipv4 ip{at};
    at[0] = 0x45;
    ip.set_total_length(static_cast<uint16_t>(ipv4_bytes + payload));
    ip.set_fragment(build.fragment);
    ip.set_ttl(build.ttl);
    ip.set_protocol(build.protocol);
  }
  uint8_t* source = at + (v6 ? 8 : 12);
  const int family = v6 ? AF_INET6 : AF_INET;
  inet_pton(family, build.source.c_str(), source);
  inet_pton(family, build.destination.c_str(), source + (v6 ? 16 : 4));
  if (!v6) Ipv4{at}.set_checksum(ipv4_checksum(Ipv4{at}));
}

void put_transport(const Build& build, uint8_t* at, uint32_t bytes) {
  if (build.protocol == protocol_icmp || build.protocol == protocol_icmp6) {
    const Icmp icmp{at};
    icmp.set_type(build.icmp_type);
    at[1] = build.icmp_code;
    icmp.set_id(build.icmp_id);
    store16(at + 6, build.icmp_sequence);
    return;
  }
  if (transport_header(build) == 0) return;
  const Udp ports{at};
  ports.set_source(build.source_port);
  ports.set_destination(build.destination_port);
  if (build.protocol == protocol_udp) return ports.set_length(static_cast<uint16_t>(bytes));
  const Tcp tcp{at};
  tcp.set_sequence(build.sequence);
  tcp.set_acknowledged(build.acknowledged);
  tcp.set_header_length(tcp_bytes);
  tcp.set_flags(build.tcp_flags);
  tcp.set_window(65535);
}

void put_checksum(const Build& build, Bytes& frame) {
  Headers h;
  if (!parse(frame.data(), static_cast<uint32_t>(frame.size()), h)) return;
  if (h.transport == Transport::none || h.fragment) return;
  uint8_t* field = h.data + h.transport_offset + checksum_offset(h.transport);
  store16(field, build.partial ? fold(pseudo_sum(h)) : transport_checksum(h));
}

}  // namespace

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  int high = -1;
  for (char c : hex) {
    const int value = digit(c);
    if (value < 0) continue;
    if (high >= 0) bytes.push_back(static_cast<uint8_t>(high * 16 + value));
    high = high >= 0 ? -1 : value;
  }
  return bytes;
}

std::string to_hex(const Bytes& bytes) {
  std::string text;
  for (uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

AbiAddress address_of(std::string_view text, uint8_t prefix_length) {
  AbiAddress address{};
  const bool v6 = text.find(':') != text.npos;
  address.family = v6 ? 6 : 4;
  address.prefix_length = prefix_length;
  inet_pton(v6 ? AF_INET6 : AF_INET, std::string(text).c_str(), address.bytes);
  return address;
}

Bytes Build::frame() const {
  const bool v6 = source.find(':') != source.npos;
  const uint32_t header = transport_header(*this);
  const uint32_t ip = v6 ? ipv6_bytes : ipv4_bytes;
  const uint32_t behind = header + static_cast<uint32_t>(payload.size());
  Bytes frame(ethernet_bytes + ip + behind);
  put_mac(frame.data(), destination_mac);
  put_mac(frame.data() + 6, source_mac);
  store16(frame.data() + 12, v6 ? ether_ipv6 : ether_ipv4);
  put_ip(*this, frame.data() + ethernet_bytes, behind, v6);
  put_transport(*this, frame.data() + ethernet_bytes + ip, behind);
  if (!payload.empty())
    memcpy(frame.data() + ethernet_bytes + ip + header, payload.data(), payload.size());
  put_checksum(*this, frame);
  return frame;
}

Bytes arp_request(std::string_view source, std::string_view target) {
  Bytes frame = from_hex("ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001");
  frame.resize(ethernet_bytes + arp_bytes);
  const Arp arp{frame.data() + ethernet_bytes};
  inet_pton(AF_INET, std::string(source).c_str(), arp.sender_address());
  inet_pton(AF_INET, std::string(target).c_str(), arp.target_address());
  return frame;
}

Bytes neighbour_solicitation(std::string_view source, std::string_view target) {
  Build build;
  build.source = source;
  build.destination = "ff02::1:ff00:2";
  build.destination_mac = "33:33:ff:00:00:02";
  build.protocol = protocol_icmp6;
  build.icmp_type = Icmp::neighbour_solicitation;
  build.icmp_id = build.icmp_sequence = 0;
  build.ttl = 255;
  build.payload = Bytes(16);
  inet_pton(AF_INET6, std::string(target).c_str(), build.payload.data());
  const Bytes option = from_hex("01 01 02 00 00 00 00 01");
  build.payload.insert(build.payload.end(), option.begin(), option.end());
  return build.frame();
}

Frame::Frame(const Bytes& bytes, bool tight)
    : buffer_(nullptr, std::free), length_(static_cast<uint32_t>(bytes.size())) {
  const size_t room = tight ? bytes.size() : frame_bytes;
  buffer_.reset(static_cast<uint8_t*>(std::malloc(headroom + sizeof(VirtioNetHeader) + room)));
  if (!bytes.empty())
    memcpy(buffer_.get() + headroom + sizeof(VirtioNetHeader), bytes.data(), bytes.size());
}

Packet Frame::packet(uint8_t in) {
  uint8_t* header = buffer_.get() + headroom;
  memcpy(header, &vnet, sizeof vnet);
  return {reinterpret_cast<VirtioNetHeader*>(header),
          header + sizeof vnet,
          length_,
          in,
          to_nowhere,
          0,
          0};
}

Frame frame_of(const Build& build) {
  const Bytes bytes = build.frame();
  Frame frame(bytes);
  if (!build.partial) return frame;
  Headers h;
  Bytes copy = bytes;
  parse(copy.data(), static_cast<uint32_t>(copy.size()), h);
  frame.vnet.flags = vnet_needs_csum;
  frame.vnet.csum_start = static_cast<uint16_t>(h.transport_offset);
  frame.vnet.csum_offset = static_cast<uint16_t>(checksum_offset(h.transport));
  return frame;
}

std::unique_ptr<Identity> identity_of(const std::vector<std::vector<std::string>>& port_addresses) {
  auto identity = std::make_unique<Identity>();
  identity->magic = identity_magic;
  identity->abi = vnf_abi_version;
  identity->generation = 1;
  identity->port_count = static_cast<uint32_t>(port_addresses.size());
  std::snprintf(identity->name, sizeof identity->name, "test/function.1");
  for (size_t i = 0; i < sizeof identity->seed; i++)
    identity->seed[i] = static_cast<uint8_t>(i * 37 + 1);
  for (size_t i = 0; i < port_addresses.size(); i++) {
    AbiPort& port = identity->ports[i];
    memcpy(port.name, "port", 4);
    port.name[4] = static_cast<char>('0' + i);
    put_mac(port.mac, "02:00:00:00:01:00");
    port.mac[5] = static_cast<uint8_t>(i);
    port.mtu = 1500;
    for (const auto& text : port_addresses[i]) {
      const size_t slash = text.find('/');
      const int length = slash == text.npos ? 32 : std::atoi(text.c_str() + slash + 1);
      port.addresses[port.address_count++] =
          address_of(text.substr(0, slash), static_cast<uint8_t>(length));
    }
  }
  return identity;
}

std::string& last_failure() {
  static std::string text;
  return text;
}
std::vector<std::string>& log_lines() {
  static std::vector<std::string> lines;
  return lines;
}
void note_line(const char* line) { log_lines().emplace_back(line); }
void note_failure(const char* reason) { last_failure() = reason; }

void* zeroed_memory(size_t bytes) {
  static std::vector<std::unique_ptr<void, void (*)(void*)>> kept;
  kept.emplace_back(std::calloc(1, bytes), std::free);
  return kept.back().get();
}

void StateBytes::append(StateSink* self, const void* bytes, uint32_t count) {
  auto& to = static_cast<StateBytes*>(self)->bytes;
  const auto* from = static_cast<const uint8_t*>(bytes);
  to.insert(to.end(), from, from + count);
}

bool StateReader::take(StateSource* self, void* bytes, uint32_t count) {
  auto& reader = *static_cast<StateReader*>(self);
  if (reader.bytes.size() - reader.at < count) return false;
  memcpy(bytes, reader.bytes.data() + reader.at, count);
  reader.at += count;
  return true;
}

}  // namespace vireo::vnf::testing
