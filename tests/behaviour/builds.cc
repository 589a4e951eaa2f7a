// SPDX-License-Identifier: Apache-2.0
#include "behaviour/suite.h"

namespace vireo::behaviour {
namespace {

bool v6(const std::string& address) { return address.find(':') != address.npos; }

Build icmp(const std::string& from, const std::string& to, uint8_t type, uint8_t code) {
  Build build;
  build.source = from;
  build.destination = to;
  build.protocol = v6(from) ? vnf::protocol_icmp6 : vnf::protocol_icmp;
  build.icmp_type = type;
  build.icmp_code = code;
  return build;
}

}  // namespace

Build udp(const std::string& from, uint16_t from_port, const std::string& to, uint16_t to_port) {
  Build build;
  build.source = from;
  build.destination = to;
  build.protocol = vnf::protocol_udp;
  build.source_port = from_port;
  build.destination_port = to_port;
  return build;
}

Build tcp(const std::string& from, uint16_t from_port, const std::string& to, uint16_t to_port,
          uint8_t flags) {
  Build build = udp(from, from_port, to, to_port);
  build.protocol = vnf::protocol_tcp;
  build.tcp_flags = flags;
  build.payload.clear();
  return build;
}

Build ping(const std::string& from, const std::string& to) {
  return icmp(from, to, v6(from) ? vnf::Icmp::echo_request6 : vnf::Icmp::echo_request, 0);
}
Build pong(const std::string& from, const std::string& to) {
  return icmp(from, to, v6(from) ? vnf::Icmp::echo_reply6 : vnf::Icmp::echo_reply, 0);
}

Build error_about(const std::string& from, const std::string& to, uint8_t type, uint8_t code,
                  const Build& about) {
  Build build = icmp(from, to, type, code);
  build.icmp_id = build.icmp_sequence = 0;
  const Bytes quoted = about.frame();
  build.payload.assign(quoted.begin() + vnf::ethernet_bytes, quoted.end());
  return build;
}

std::vector<Bytes> in_fragments(const Build& datagram, uint16_t first_bytes, uint16_t id) {
  using namespace vnf;
  const Bytes whole = datagram.frame();
  const auto begin = whole.begin(), data = begin + ethernet_bytes + ipv4_bytes;
  Bytes first(begin, data + first_bytes), later(begin, data);
  later.insert(later.end(), data + first_bytes, whole.end());
  auto finish = [id](Bytes& frame, uint16_t fragment) {
    const Ipv4 ip{frame.data() + ethernet_bytes};
    ip.set_total_length(static_cast<uint16_t>(frame.size() - ethernet_bytes));
    ip.set_id(id);
    ip.set_fragment(fragment);
    ip.set_checksum(ipv4_checksum(ip));
  };
  finish(first, Ipv4::more_fragments);
  finish(later, static_cast<uint16_t>(first_bytes / 8));
  return {first, later};
}

}  // namespace vireo::behaviour
