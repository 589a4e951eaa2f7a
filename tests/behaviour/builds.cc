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

}  // namespace vireo::behaviour
