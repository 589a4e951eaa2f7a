// SPDX-License-Identifier: Apache-2.0
// MAC addresses, IP addresses (v4 and v6) and prefixes as plain values with text forms.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vireo {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};
  auto operator<=>(const MacAddress&) const = default;  // NOLINT(modernize-use-nullptr)
  bool is_zero() const { return *this == MacAddress{}; }
  bool is_multicast() const { return (bytes[0] & 1) != 0; }
};

// Network byte order; a v4 address uses bytes[0..3] and leaves the rest zero.
struct IpAddress {
  bool v6 = false;
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const IpAddress&) const = default;
  unsigned size() const { return v6 ? 16 : 4; }
  unsigned bits() const { return size() * 8; }
};

// An address with the length of its network: `10.0.0.1/24` names a host in a network, `10.0.0.0/24`
// the network itself.
struct IpPrefix {
  IpAddress address;
  unsigned length = 0;
  auto operator<=>(const IpPrefix&) const = default;

  IpPrefix network() const;     // host bits cleared
  IpAddress broadcast() const;  // host bits set (v6: simply the last address)
  bool is_network() const { return network() == *this; }
  bool contains(const IpAddress& inside) const;
  bool overlaps(const IpPrefix& other) const;
};

Result<MacAddress> parse_mac(std::string_view text);   // "02:00:00:00:00:01"
Result<IpAddress> parse_ip(std::string_view text);     // no zone, no port
Result<IpPrefix> parse_prefix(std::string_view text);  // "10.0.0.0/24"; the length is required

std::string to_string(const MacAddress& mac);
std::string to_string(const IpAddress& ip);
std::string to_string(const IpPrefix& prefix);

// `ip` + n within its family; wraps. For walking the host addresses of a prefix.
IpAddress plus(IpAddress ip, uint64_t n);

}  // namespace vireo
