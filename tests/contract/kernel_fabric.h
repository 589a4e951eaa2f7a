// SPDX-License-Identifier: Apache-2.0
// A fabric of the kernel's interfaces in network namespaces of its own, for tests of kernel stacks
// as ports; nothing may be left at the end.
#pragma once
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>

#include "fabric/fabric.h"
#include "fabric/host_interface.h"
#include "fabric/place.h"
#include "host/files.h"
#include "host/namespace.h"
#include "host/netlink.h"

namespace vireo {

template <class T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

struct KernelFabricCase {
  std::string name;  // "bridge"
  std::function<Result<std::unique_ptr<Fabric>>(FabricPlace)> open;
};

class KernelFabricTest : public testing::TestWithParam<KernelFabricCase> {
 protected:
  void SetUp() override { reopen(); }
  void TearDown() override {
    fabric_.reset();
    Netlink left = must(Netlink::open(&fabric_namespace_));
    for (const LinkRow& row : must(left.links()))
      EXPECT_TRUE(row.loopback) << row.name << " is left: " << row.alias;
    Netlink host = must(Netlink::open(&host_));
    for (const LinkRow& row : must(host.links()))
      EXPECT_FALSE(row.name.starts_with("vireo")) << row.name << " is left in the host";
  }
  void reopen() {
    fabric_.reset();
    fabric_ = must(GetParam().open({must(fabric_namespace_.duplicate()), must(ends_.duplicate()),
                                    must(host_.duplicate()), directory_.path()}));
  }
  static PortSpec veth_spec(int n) {
    PortSpec spec;
    spec.id = fmt::format("default/s/f{}.1@1:port0", n);
    spec.link = "default/s/lan";
    spec.kind = PortKind::veth;
    spec.name = "port0";
    spec.mac = {{2, 0, 0, 0, 0, static_cast<uint8_t>(n)}};
    spec.addresses = {must(parse_prefix(fmt::format("10.1.0.{}/24", n))),
                      must(parse_prefix(fmt::format("fd00:1::{}/64", n)))};
    return spec;
  }
  static void know(PortSpec& a, const PortSpec& b) {
    for (const IpPrefix& address : b.addresses) a.neighbours.push_back({address.address, b.mac});
  }
  PortId plug(const PortSpec& spec, const Fd& instance) {
    const PortId spare = must(fabric_->prepare(spec.kind, &instance));
    must(fabric_->bind(spare, spec));
    return spec.id;
  }

  TemporaryDirectory directory_ = must(TemporaryDirectory::make("fabric"));
  Fd fabric_namespace_ = must(new_network_namespace());
  Fd ends_ = must(new_network_namespace());
  Fd host_ = must(new_network_namespace());
  std::unique_ptr<Fabric> fabric_;
};

inline sockaddr_storage socket_address(const std::string& ip, uint16_t port) {
  sockaddr_storage storage{};
  const IpAddress address = must(parse_ip(ip));
  if (address.v6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::copy_n(address.bytes.begin(), 16, v6.sin6_addr.s6_addr);
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
  }
  return storage;
}

// A datagram socket with an address of its own, inside the namespace.
inline Fd udp_socket(const Fd& network_namespace, const std::string& ip) {
  const NamespaceScope scope = must(NamespaceScope::enter(network_namespace));
  const sockaddr_storage address = socket_address(ip, 5000);
  Fd made(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(made.get(), reinterpret_cast<const sockaddr*>(&address),
                   address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)),
            0)
      << ip << ": " << std::strerror(errno);
  return made;
}

inline void send_to(const Fd& socket, const std::string& ip, const std::string& text) {
  const sockaddr_storage address = socket_address(ip, 5000);
  ::sendto(socket.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&address),
           address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
}

inline std::string receive(const Fd& socket) {
  pollfd ready{socket.get(), POLLIN, 0};
  if (::poll(&ready, 1, 3000) != 1) return "nothing";
  std::string text(2000, '\0');
  const ssize_t size = ::recv(socket.get(), text.data(), text.size(), 0);
  text.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return text;
}

// An interface of the host, as a machine has it: up, with addresses and routes through it.
class KernelUplinkTest : public KernelFabricTest {
 protected:
  // A function in `a` and the outside hear each other.
  PortId open_to_outside(const Fd& a) {
    PortId one = plug(veth_spec(1), a);
    must(fabric_->set_state(one, GateState::open));
    const Fd from = udp_socket(outside_, "10.1.0.99"), to = udp_socket(a, "10.1.0.1");
    send_to(from, "10.1.0.1", "question");
    EXPECT_EQ(receive(to), "question");
    send_to(to, "10.1.0.99", "answer");
    EXPECT_EQ(receive(from), "answer");
    return one;
  }
  void SetUp() override {
    KernelFabricTest::SetUp();
    Netlink host = must(Netlink::open(&host_));
    NetlinkBatch made, dressed;
    made.add_veth({.index = 50, .name = "eth1"},
                  {.index = 50, .name = "eth0", .network_namespace = &outside_}, 1400);
    must(host.commit(made));
    dressed.change_link({.index = 50, .up = true, .alias = "to the city"});
    dressed.add_address(50, must(parse_prefix("192.0.2.7/24")));
    dressed.add_route({.gateway = must(parse_ip("192.0.2.1")), .index = 50, .metric = 100});
    dressed.add_route(
        {.destination = must(parse_prefix("198.51.100.0/24")), .index = 50, .scope = 253});
    must(host.commit(dressed));
    Netlink outside = must(Netlink::open(&outside_));
    NetlinkBatch up;
    up.change_link({.index = 50, .up = true});
    up.add_address(50, must(parse_prefix("10.1.0.99/24")));
    must(outside.commit(up));
    before_ = must(describe_interface(host, must(host.link("eth1"))));
  }
  HostInterface now() {
    Netlink host = must(Netlink::open(&host_));
    return must(describe_interface(host, must(host.link("eth1"))));
  }
  void expect_given_back() {
    const HostInterface after = now();
    EXPECT_EQ(after.addresses, before_.addresses);
    ASSERT_EQ(after.routes.size(), before_.routes.size());
    for (size_t i = 0; i < after.routes.size(); ++i) {
      EXPECT_EQ(after.routes[i].destination, before_.routes[i].destination);
      EXPECT_EQ(after.routes[i].gateway, before_.routes[i].gateway);
      EXPECT_EQ(after.routes[i].metric, before_.routes[i].metric);
    }
    EXPECT_EQ(after.up, before_.up);
    EXPECT_EQ(after.mtu, before_.mtu);
    EXPECT_EQ(after.alias, before_.alias);
    EXPECT_EQ(after.group, before_.group);
    EXPECT_TRUE(must(list_directory(directory_.path())).empty());
  }
  LinkRequest with_uplink(const std::string& interface, bool take) {
    return {.id = "default/s/lan", .uplink = Uplink{interface, take}};
  }

  Fd outside_ = must(new_network_namespace());
  HostInterface before_;
};

}  // namespace vireo
