// SPDX-License-Identifier: Apache-2.0
// What is particular to bridges: kernel stacks as ports, the host's own interface, uplinks, frames
// that keep their segmentation. What every fabric does is in tests/contract/.
#include "fabric/bridge/bridge_fabric.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "fabric/bridge/port_plan.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

class BridgeFabricTest : public testing::Test {
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
    fabric_ = must(BridgeFabric::open({must(fabric_namespace_.duplicate()), must(ends_.duplicate()),
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
  std::unique_ptr<BridgeFabric> fabric_;
};

sockaddr_storage socket_address(const std::string& ip, uint16_t port) {
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
Fd udp_socket(const Fd& network_namespace, const std::string& ip) {
  const NetworkNamespaceScope scope = must(NetworkNamespaceScope::enter(network_namespace));
  const sockaddr_storage address = socket_address(ip, 5000);
  Fd made(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(made.get(), reinterpret_cast<const sockaddr*>(&address),
                   address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)),
            0)
      << ip << ": " << std::strerror(errno);
  return made;
}

void send_to(const Fd& socket, const std::string& ip, const std::string& text) {
  const sockaddr_storage address = socket_address(ip, 5000);
  ::sendto(socket.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&address),
           address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
}

std::string receive(const Fd& socket) {
  pollfd ready{socket.get(), POLLIN, 0};
  if (::poll(&ready, 1, 3000) != 1) return "nothing";
  std::string text(2000, '\0');
  const ssize_t size = ::recv(socket.get(), text.data(), text.size(), 0);
  text.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return text;
}

TEST_F(BridgeFabricTest, kernel_stacks_talk_at_once_when_opened_and_not_before) {
  const Fd a = must(new_network_namespace());
  const Fd b = must(new_network_namespace());
  must(fabric_->ensure_link({.id = "default/s/lan"}));
  PortSpec first = veth_spec(1), second = veth_spec(2);
  know(first, second);
  know(second, first);
  const PortId one = plug(first, a), two = plug(second, b);
  for (const std::string net : {"10.1.0.", "fd00:1::"}) {
    SCOPED_TRACE(net);
    must(fabric_->set_state(one, GateState::open));
    must(fabric_->set_state(two, GateState::blocked));
    const Fd from = udp_socket(a, net + "1"), to = udp_socket(b, net + "2");
    send_to(from, net + "2", "blocked");
    must(fabric_->set_state(two, GateState::open));
    send_to(from, net + "2", "open");
    EXPECT_EQ(receive(to), "open");
    send_to(to, net + "1", "back");
    EXPECT_EQ(receive(from), "back");
  }
  must(fabric_->unplug(one));
  must(fabric_->unplug(two));
  must(fabric_->remove_link("default/s/lan"));
}

// The kernel makes the local route of an IPv6 address later, in a worker: what arrives before is
// lost. Many ports, as the worker is sometimes quick.
TEST_F(BridgeFabricTest, addresses_receive_as_soon_as_they_are_there) {
  int lost = 0;
  for (int n = 1; n <= 40; ++n) {
    const Fd a = must(new_network_namespace());
    Netlink stack = must(Netlink::open(&a));
    NetlinkBatch pair, up;
    must(stack.commit(
        pair.add_veth({.index = 9, .name = "port0"}, {.index = 10, .name = "b"}, 1500)));
    up.change_link({.name = "lo", .up = true}).change_link({.index = 9, .up = true});
    up.change_link({.index = 10, .up = true});
    must(stack.commit(up));
    must(stack.wait_operational(9, std::chrono::seconds(2)));
    const Fd own = udp_socket(a, "::");
    const NetlinkBatch plan = plan_far_end(9, veth_spec(n));
    must(stack.commit(plan));
    send_to(own, fmt::format("fd00:1::{}", n), "own");
    std::string text(10, '\0');
    // Over the loopback it is there when sendto() returns, or it went out and is lost.
    lost += ::recv(own.get(), text.data(), text.size(), MSG_DONTWAIT) != 3;
  }
  EXPECT_EQ(lost, 0);
}

// The kernel opens ports that are merely `blocking` whenever another one joins their bridge.
TEST_F(BridgeFabricTest, a_blocked_port_stays_blocked_when_others_join) {
  const Fd a = must(new_network_namespace());
  must(fabric_->ensure_link({.id = "default/s/lan"}));
  const PortId one = plug(veth_spec(1), a);
  const Fd b = must(new_network_namespace());
  const PortId two = plug(veth_spec(2), b);
  must(fabric_->set_state(two, GateState::open));
  reopen();
  for (const PortRecord& port : must(fabric_->list()).ports)
    EXPECT_EQ(port.gate == GateState::open, port.id == two) << port.id;
  must(fabric_->unplug(one));
  must(fabric_->unplug(two));
  must(fabric_->remove_link("default/s/lan"));
}

TEST_F(BridgeFabricTest, the_host_reaches_functions_that_know_nothing_of_it) {
  const Fd a = must(new_network_namespace());
  must(fabric_->ensure_link({.id = "default/s/lan",
                             .host_addresses = {must(parse_prefix("10.1.0.254/24")),
                                                must(parse_prefix("fd00:1::fe/64"))}}));
  const PortId one = plug(veth_spec(1), a);
  must(fabric_->set_state(one, GateState::open));
  for (const std::string net : {"10.1.0.", "fd00:1::"}) {
    const std::string host = net + (net[0] == 'f' ? "fe" : "254");
    const Fd from = udp_socket(host_, host), to = udp_socket(a, net + "1");
    send_to(from, net + "1", "question");
    EXPECT_EQ(receive(to), "question");
    send_to(to, host, "answer");
    EXPECT_EQ(receive(from), "answer");
  }
  must(fabric_->unplug(one));
  must(fabric_->remove_link("default/s/lan"));
}

// An interface of the host, as a machine has it: up, with addresses and routes through it.
class UplinkTest : public BridgeFabricTest {
 protected:
  void SetUp() override {
    BridgeFabricTest::SetUp();
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

TEST_F(UplinkTest, one_in_use_is_refused_and_keeps_what_it_has) {
  const Result<void> made = fabric_->ensure_link(with_uplink("eth1", false));
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Errc::conflict);
  EXPECT_NE(made.error().message.find("default route"), std::string::npos) << made.error().message;
  expect_given_back();
  EXPECT_FALSE(fabric_->ensure_link(with_uplink("lo", true)).has_value());
  EXPECT_FALSE(fabric_->ensure_link(with_uplink("eth9", true)).has_value());
  must(fabric_->remove_link("default/s/lan"));
}

TEST_F(UplinkTest, one_taken_carries_the_link_and_is_given_back_whole) {
  must(fabric_->ensure_link(with_uplink("eth1", true)));
  EXPECT_FALSE(must(Netlink::open(&host_)).link("eth1").has_value());
  must(fabric_->ensure_link(with_uplink("eth1", true)));
  const Fd a = must(new_network_namespace());
  const PortId one = plug(veth_spec(1), a);
  must(fabric_->set_state(one, GateState::open));
  const Fd from = udp_socket(outside_, "10.1.0.99"), to = udp_socket(a, "10.1.0.1");
  send_to(from, "10.1.0.1", "question");
  EXPECT_EQ(receive(to), "question");
  send_to(to, "10.1.0.99", "answer");
  EXPECT_EQ(receive(from), "answer");
  reopen();
  EXPECT_EQ(must(fabric_->list()).links.at(0).uplink, (Uplink{"eth1", true}));
  must(fabric_->unplug(one));
  must(fabric_->remove_link("default/s/lan"));
  expect_given_back();
}

TEST_F(UplinkTest, a_change_of_mind_gives_it_back) {
  must(fabric_->ensure_link(with_uplink("eth1", true)));
  must(fabric_->ensure_link({.id = "default/s/lan"}));
  expect_given_back();
  must(fabric_->remove_link("default/s/lan"));
}

TEST_F(UplinkTest, a_bridge_of_the_host_is_joined_by_a_veth) {
  Netlink host = must(Netlink::open(&host_));
  NetlinkBatch bridge, joined;
  must(host.commit(bridge.add_bridge({.index = 60, .name = "br0", .mac = {{2, 9, 9, 9, 9, 9}}})));
  joined.change_link({.index = 60, .up = true});
  joined.change_link({.index = 50, .master = 60});
  must(host.commit(joined));
  EXPECT_FALSE(fabric_->ensure_link(with_uplink("eth1", true)).has_value());
  must(fabric_->ensure_link(with_uplink("br0", false)));
  const Fd a = must(new_network_namespace());
  const PortId one = plug(veth_spec(1), a);
  must(fabric_->set_state(one, GateState::open));
  const Fd from = udp_socket(outside_, "10.1.0.99"), to = udp_socket(a, "10.1.0.1");
  send_to(from, "10.1.0.1", "question");
  EXPECT_EQ(receive(to), "question");
  must(fabric_->unplug(one));
  must(fabric_->remove_link("default/s/lan"));
}

// The daemon ends between the two removals; the link may have been made anew meanwhile.
TEST_F(BridgeFabricTest, the_hosts_end_of_a_link_that_is_gone_goes_too) {
  LinkRequest lan{.id = "default/s/lan", .host_addresses = {must(parse_prefix("10.1.0.1/24"))}};
  must(fabric_->ensure_link(lan));
  Netlink inside = must(Netlink::open(&fabric_namespace_));
  auto remove_bridge = [&] {
    for (const LinkRow& row : must(inside.links()))
      if (NetlinkBatch batch; row.kind == "bridge")
        must(inside.commit(batch.remove_link(row.index)));
  };
  auto host_ends = [&] {
    Netlink host = must(Netlink::open(&host_));
    const std::vector<LinkRow> rows = must(host.links());
    return std::ranges::count_if(rows, [](auto& row) { return row.name.starts_with("vireo"); });
  };
  remove_bridge();
  EXPECT_EQ(host_ends(), 1);
  reopen();
  fabric_->wait_idle();
  EXPECT_EQ(host_ends(), 0);

  must(fabric_->ensure_link(lan));
  remove_bridge();
  EXPECT_TRUE(must(fabric_->list()).links.empty());
  must(fabric_->ensure_link(lan));
  EXPECT_EQ(host_ends(), 2);
  reopen();
  fabric_->wait_idle();
  EXPECT_EQ(host_ends(), 1);
  EXPECT_EQ(must(fabric_->list()).links.front().host_addresses, lan.host_addresses);
  must(fabric_->remove_link(lan.id));
}

TEST_F(BridgeFabricTest, a_host_that_can_is_told_so) {
  const HostSupport support = fabric_->check_host();
  EXPECT_TRUE(support.possible) << (support.missing.empty() ? "" : support.missing.front());
}

// Names that an interface cannot carry are refused before anything is made.
TEST_F(BridgeFabricTest, a_name_that_is_too_long_is_refused) {
  const Result<void> made = fabric_->ensure_link({.id = std::string(300, 'x')});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Errc::invalid);
  EXPECT_TRUE(must(fabric_->list()).links.empty());
}

TEST(labels, survive_the_way_through_an_alias) {
  const Label label{Role::port,           PortKind::packet, false,
                    {{2, 0, 0, 0, 0, 7}}, "default/s/lan",  "default/s/fw.1@3:port0"};
  EXPECT_EQ(parse_label(must(label_text(label))), label);
  const Label spare{.role = Role::spare, .kind = PortKind::veth, .id = "~port-7"};
  EXPECT_EQ(parse_label(must(label_text(spare))), spare);
  for (const std::string foreign : {"", "to the city", "vireo1 port", "vireo1 a b c d e f"})
    EXPECT_FALSE(parse_label(foreign).has_value()) << foreign;
}

}  // namespace
}  // namespace vireo
