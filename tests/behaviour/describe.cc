// SPDX-License-Identifier: Apache-2.0
#include "behaviour/describe.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

namespace vireo::behaviour {
namespace {

using namespace vnf;

std::string address_text(const Headers& h, const uint8_t* at) {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(h.network == Network::ipv4 ? AF_INET : AF_INET6, at, text, sizeof text);
  return text;
}

std::string bytes_text(const uint8_t* at, uint32_t count) {
  const bool alike =
      count > 1 && std::all_of(at, at + count, [at](uint8_t each) { return each == *at; });
  if (alike) return fmt::format("{}x{:02x}", count, *at);
  return testing::to_hex(Bytes(at, at + count));
}

std::string data_text(const Headers& h, uint32_t header) {
  if (h.transport_bytes() <= header) return "";
  return " data " + bytes_text(h.data + h.transport_offset + header, h.transport_bytes() - header);
}

std::string tcp_text(const Headers& h) {
  const Tcp tcp = h.tcp();
  std::string text = fmt::format(" seq {}", tcp.sequence());
  if (h.transport_bytes() < tcp_bytes) return text + data_text(h, tcp_bytes);  // quoted, cut short
  text += fmt::format(" ack {} win {} ", tcp.acknowledged(), load16(tcp.at + 14));
  for (uint32_t bit = 0; bit < 8; bit++)
    if ((tcp.flags() >> bit & 1) != 0) text += "FSRPAUEC"[bit];
  const uint32_t header = std::min(tcp.header_length(), h.transport_bytes());
  if (header > tcp_bytes) text += " options " + bytes_text(tcp.at + tcp_bytes, header - tcp_bytes);
  return text + data_text(h, header);
}

std::string ip_text(const Headers& h, Extent extent, bool own);

std::string icmp_text(const Headers& h) {
  const Icmp icmp = h.icmp();
  Headers quoted;
  if (parse_quoted(h, quoted)) {
    const std::string rest = icmp.rest() == 0 ? "" : fmt::format(" rest {}", icmp.rest());
    return fmt::format("{} [{}]", rest, ip_text(quoted, Extent::quoted, false));
  }
  return fmt::format(" id {} seq {}", icmp.id(), icmp.sequence()) + data_text(h, icmp_bytes);
}

std::string transport_text(const Headers& h) {
  switch (h.transport) {
    case Transport::tcp:
      return tcp_text(h);
    case Transport::udp:
      return (h.udp().checksum() == 0 ? " unsummed" : "") + data_text(h, udp_bytes);
    case Transport::icmp:
    case Transport::icmp6:
      return icmp_text(h);
    default:
      return data_text(h, 0);
  }
}

bool is_error(const Headers& h) {
  Headers quoted;
  return parse_quoted(h, quoted);
}

std::string network_text(const Headers& h, bool own) {
  std::string text;
  const bool v4 = h.network == Network::ipv4;
  text += fmt::format(" ttl {}", v4 ? h.ipv4().ttl() : h.ipv6().hop_limit());
  if (h.fragment) text += fmt::format(" fragment {} at {}", h.fragment_id, h.fragment_offset);
  if (h.fragment && v4 && (h.ipv4().fragment() & Ipv4::more_fragments) != 0) text += "+";
  const uint32_t options = h.transport_offset - h.network_offset - (v4 ? ipv4_bytes : ipv6_bytes);
  if (h.extended) text += " extended " + bytes_text(h.data + h.transport_offset - options, options);
  if (own) return text;
  const uint32_t flow = load32(h.data + h.network_offset) & 0x0fffffff;
  if (!v4) return flow == 0 ? text : text + fmt::format(" flow {:x}", flow);
  if (h.ipv4().at[1] != 0) text += fmt::format(" tos {}", h.ipv4().at[1]);
  if (h.ipv4().id() != 0 && !h.fragment) text += fmt::format(" id {}", h.ipv4().id());
  if ((h.ipv4().fragment() & Ipv4::dont_fragment) != 0) text += " df";
  return text;
}

// The quote of an error is often cut: then its transport's sum cannot be checked.
std::string sums_text(const Headers& h, Extent extent) {
  std::string text;
  if (h.network == Network::ipv4 && ipv4_checksum(h.ipv4()) != h.ipv4().checksum())
    text += " BAD IP CHECKSUM";
  const uint32_t claimed =
      h.network == Network::ipv4 ? h.ipv4().total_length() : ipv6_bytes + h.ipv6().payload_length();
  if (extent == Extent::quoted && h.network_offset + claimed > h.length) return text + " cut";
  const bool unsummed = h.transport == Transport::udp && h.udp().checksum() == 0;
  if (h.transport == Transport::none || h.fragment || unsummed) return text;
  const uint8_t* field = h.data + h.transport_offset + checksum_offset(h.transport);
  if (load16(field) != transport_checksum(h)) text += " BAD CHECKSUM";
  return text;
}

std::string kind_text(const Headers& h) {
  switch (h.transport) {
    case Transport::tcp:
      return "tcp";
    case Transport::udp:
      return "udp";
    case Transport::icmp:
      return fmt::format("icmp {}.{}", h.icmp().type(), h.icmp().code());
    case Transport::icmp6:
      return fmt::format("icmp6 {}.{}", h.icmp().type(), h.icmp().code());
    default:
      return fmt::format("ip {}", h.protocol);
  }
}

std::string ip_text(const Headers& h, Extent extent, bool own) {
  const bool ports = h.transport == Transport::tcp || h.transport == Transport::udp;
  auto end_text = [&](const uint8_t* address, uint16_t port) {
    const std::string text = address_text(h, address);
    if (!ports) return text;
    return h.network == Network::ipv4 ? fmt::format("{}:{}", text, port)
                                      : fmt::format("[{}]:{}", text, port);
  };
  const uint16_t from = ports ? h.udp().source() : uint16_t{0};
  const uint16_t to = ports ? h.udp().destination() : uint16_t{0};
  return fmt::format("{} {} > {}{}{}{}", kind_text(h), end_text(h.source(), from),
                     end_text(h.destination(), to), network_text(h, own || is_error(h)),
                     transport_text(h), sums_text(h, extent));
}

std::string arp_text(const Headers& h) {
  auto text = [](const uint8_t* at) {
    return fmt::format("{}.{}.{}.{}", at[0], at[1], at[2], at[3]);
  };
  return fmt::format("arp {} {} for {}", h.arp().operation(), text(h.arp().sender_address()),
                     text(h.arp().target_address()));
}

}  // namespace

std::string describe(const Bytes& frame, bool own) {
  Bytes copy = frame;
  Headers h;
  if (!parse(copy.data(), static_cast<uint32_t>(copy.size()), h))
    return "unreadable " + testing::to_hex(frame);
  if (h.network == Network::arp) return arp_text(h);
  if (!h.ip()) return fmt::format("ethernet {:04x}", h.ether_type);
  std::string text = h.vlan ? "vlan " : "";
  text += ip_text(h, Extent::whole, own);
  if (h.length > h.end) text += fmt::format(" padding {}", h.length - h.end);
  return text;
}

std::string source_of(const Bytes& frame) {
  Bytes copy = frame;
  Headers h;
  const bool ip = parse(copy.data(), static_cast<uint32_t>(copy.size()), h) && h.ip();
  return ip ? address_text(h, h.source()) : "";
}

}  // namespace vireo::behaviour
