// SPDX-License-Identifier: Apache-2.0
#include "seeds.h"
#include "vnf/testing.h"

namespace vireo::fuzz {

namespace {

using vnf::testing::Build;
using vnf::testing::Bytes;

constexpr uint8_t right = 2;  // frame_is_right
constexpr uint8_t from_outside = 0, from_inside = 1;

struct Sent {
  uint8_t in;
  Bytes bytes;
};

Build packet(uint8_t in, bool v6, uint8_t protocol) {
  Build build;
  build.protocol = protocol;
  build.payload.resize(4);
  build.destination_mac = in == from_inside ? "02:00:00:00:01:01" : "02:00:00:00:01:00";
  if (in == from_inside) {
    build.source = v6 ? "2001:db8:2::5" : "10.0.0.5";
    build.destination = v6 ? "2001:db8:9::9" : "198.51.100.9";
  } else {
    build.source = v6 ? "2001:db8:9::9" : "198.51.100.9";
    build.destination = v6 ? "2001:db8:2::5" : "192.0.2.2";
    build.source_port = 80;
    build.destination_port = build.icmp_id = 1024;
    build.tcp_flags = vnf::Tcp::syn | vnf::Tcp::ack;
  }
  return build;
}

// An ICMP error about `about`, as a router on the other side sends it.
Bytes error_about(const Build& about, uint8_t in, bool v6) {
  const Bytes frame = about.frame();
  Build build = packet(in, v6, v6 ? vnf::protocol_icmp6 : vnf::protocol_icmp);
  build.icmp_type = v6 ? vnf::Icmp::unreachable6 : vnf::Icmp::unreachable;
  build.icmp_code = v6 ? vnf::Icmp::code_port6 : vnf::Icmp::code_port;
  build.icmp_id = build.icmp_sequence = 0;
  build.payload.assign(frame.begin() + vnf::ethernet_bytes, frame.end());
  return build.frame();
}

std::string steps(std::initializer_list<Sent> frames, uint8_t choices) {
  Seed seed;
  seed.put(choices);
  for (const Sent& sent : frames) {
    seed.put<uint8_t>(3).put<uint8_t>(0).put(sent.in).put(right);
    seed.put(static_cast<uint16_t>(sent.bytes.size()));
    seed.put_bytes(sent.bytes.data(), sent.bytes.size());
  }
  seed.put<uint8_t>(2);                    // handed over
  seed.put<uint8_t>(0).put<uint16_t>(50);  // half a second
  return seed.bytes();
}

void keep_steps(const std::string& name, std::initializer_list<Sent> frames) {
  keep("vnf_nat", name, steps(frames, 1));
  keep("vnf_firewall", name, steps(frames, 1 | 2 | 2 << 2));
  keep("vnf_router", name, steps(frames, 3));
  for (uint8_t function = 0; function < 4; function++)
    keep("vnf_small", name + std::to_string(function), steps(frames, function));
  keep("vnf_parse", name, std::string(frames.begin()->bytes.begin(), frames.begin()->bytes.end()));
}

}  // namespace

void keep_vnf_seeds() {
  for (const bool v6 : {false, true}) {
    const std::string family = v6 ? "6" : "4";
    const uint8_t icmp = v6 ? vnf::protocol_icmp6 : vnf::protocol_icmp;
    const Build tcp = packet(from_inside, v6, vnf::protocol_tcp);
    const Build udp = packet(from_inside, v6, vnf::protocol_udp);
    Build ping = packet(from_inside, v6, icmp);
    if (v6) ping.icmp_type = vnf::Icmp::echo_request6;
    keep_steps("tcp" + family,
               {{from_inside, tcp.frame()},
                {from_outside, packet(from_outside, v6, vnf::protocol_tcp).frame()}});
    keep_steps("udp" + family, {{from_inside, udp.frame()}});
    keep_steps("ping" + family, {{from_inside, ping.frame()}});
    keep_steps(
        "error" + family,
        {{from_outside, error_about(packet(from_outside, v6, vnf::protocol_udp), from_outside, v6)},
         {from_inside, error_about(udp, from_inside, v6)}});
  }
  Build first = packet(from_inside, false, vnf::protocol_udp);
  first.fragment = vnf::Ipv4::more_fragments;
  Build later = first;
  later.fragment = 2;
  keep_steps("fragments", {{from_inside, first.frame()}, {from_inside, later.frame()}});
  keep_steps("arp", {{from_inside, vnf::testing::arp_request("10.0.0.5", "10.0.0.1")}});
  keep_steps(
      "neighbour",
      {{from_inside, vnf::testing::neighbour_solicitation("2001:db8:2::5", "2001:db8:2::1")}});
}

}  // namespace vireo::fuzz
