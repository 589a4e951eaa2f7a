// SPDX-License-Identifier: Apache-2.0
#include "base/net_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace vireo {

static IpAddress with_host_bits(const IpPrefix& prefix, bool set) {
  IpAddress out = prefix.address;
  for (unsigned bit = prefix.length; bit < out.bits(); bit++) {
    auto mask = static_cast<uint8_t>(0x80u >> (bit % 8));
    uint8_t& byte = out.bytes[bit / 8];
    byte = static_cast<uint8_t>(set ? byte | mask : byte & ~mask);
  }
  return out;
}

IpPrefix IpPrefix::network() const { return {with_host_bits(*this, false), length}; }
IpAddress IpPrefix::broadcast() const { return with_host_bits(*this, true); }

bool IpPrefix::contains(const IpAddress& inside) const {
  return inside.v6 == address.v6 && IpPrefix{inside, length}.network() == network();
}

bool IpPrefix::overlaps(const IpPrefix& other) const {
  const IpPrefix& wide = length < other.length ? *this : other;
  const IpPrefix& narrow = length < other.length ? other : *this;
  return wide.contains(narrow.address);
}

Result<MacAddress> parse_mac(std::string_view text) {
  MacAddress mac;
  Error bad{Errc::invalid, fmt::format("`{}` is not a MAC address like 02:00:00:00:00:01", text)};
  if (text.size() != 17) return bad;
  for (size_t i = 0; i < 6; i++) {
    const char* from = text.data() + i * 3;
    auto parsed = std::from_chars(from, from + 2, mac.bytes[i], 16);
    if (parsed.ec != std::errc() || parsed.ptr != from + 2) return bad;
    if (i < 5 && from[2] != ':') return bad;
  }
  return mac;
}

Result<IpAddress> parse_ip(std::string_view text) {
  IpAddress ip;
  std::string copy(text);
  ip.v6 = copy.find(':') != std::string::npos;
  if (inet_pton(ip.v6 ? AF_INET6 : AF_INET, copy.c_str(), ip.bytes.data()) != 1)
    return Error{Errc::invalid, fmt::format("`{}` is not an IPv4 or IPv6 address", text)};
  return ip;
}

Result<IpPrefix> parse_prefix(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == std::string_view::npos)
    return Error{Errc::invalid, fmt::format("`{0}` lacks a prefix length, as in `{0}/24`", text)};
  IpPrefix prefix;
  prefix.address = TRY(parse_ip(text.substr(0, slash)));
  std::string_view digits = text.substr(slash + 1);
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), prefix.length);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() ||
      prefix.length > prefix.address.bits())
    return Error{Errc::invalid, fmt::format("`{}` is not a prefix length of 0 to {}", digits,
                                            prefix.address.bits())};
  return prefix;
}

std::string to_string(const MacAddress& mac) {
  return fmt::format("{:02x}", fmt::join(mac.bytes, ":"));
}

std::string to_string(const IpAddress& ip) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(ip.v6 ? AF_INET6 : AF_INET, ip.bytes.data(), text, sizeof text);
  return text;
}

std::string to_string(const IpPrefix& prefix) {
  return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}

IpAddress plus(IpAddress ip, uint64_t n) {
  for (unsigned i = ip.size(); i-- > 0 && n != 0;) {
    n += ip.bytes[i];
    ip.bytes[i] = static_cast<uint8_t>(n);
    n >>= 8;
  }
  return ip;
}

}  // namespace vireo
