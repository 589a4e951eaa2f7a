// SPDX-License-Identifier: Apache-2.0
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "fabric/ebpf/ebpf_fabric.h"
#include "fabric/sysctl.h"
#include "host/packet_socket.h"
#include "kernel_fabric.h"
#include "kernel_world.h"

namespace vireo {
namespace {

const auto ebpf = testing::Values(KernelFabricCase{"ebpf", open_kernel_fabric<EbpfFabric>});
const auto name_of = [](const auto& test) { return test.param.name; };

INSTANTIATE_TEST_SUITE_P(Fabric, KernelFabricTest, ebpf, name_of);
INSTANTIATE_TEST_SUITE_P(Fabric, KernelUplinkTest, ebpf, name_of);

// Two kernel stacks on one link, open.
class EbpfFabricTest : public KernelFabricTest {
 protected:
  void SetUp() override {
    KernelFabricTest::SetUp();
    must(fabric_->ensure_link({.id = "default/s/lan"}));
  }
  void TearDown() override {
    for (const PortRecord& port : must(fabric_->list()).ports) must(fabric_->unplug(port.id));
    must(fabric_->remove_link("default/s/lan"));
    KernelFabricTest::TearDown();
  }
  PortId open_port(const PortSpec& spec, const Fd& instance) {
    const PortId id = plug(spec, instance);
    must(fabric_->set_state(id, GateState::open));
    return id;
  }
  PortCounters counted(const PortId& id) {
    const PortId ids[] = {id};
    return fabric_->counters(ids).at(0);
  }
  void expect_talk(const std::string& net) {
    SCOPED_TRACE(net);
    const Fd from = udp_socket(a_, net + "1"), to = udp_socket(b_, net + "2");
    send_to(from, net + "2", "question");
    EXPECT_EQ(receive(to), "question");
    send_to(to, net + "1", "answer");
    EXPECT_EQ(receive(from), "answer");
  }
  // Sends the frame as the function in `instance` itself.
  static void send_raw(const Fd& instance, const std::vector<uint8_t>& frame) {
    const NamespaceScope scope = must(NamespaceScope::enter(instance));
    Fd raw(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = must(must(Netlink::open(&instance)).link("port0")).index;
    EXPECT_EQ(::sendto(raw.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to),
                       sizeof to),
              static_cast<ssize_t>(frame.size()));
  }
  static std::vector<uint8_t> frame(uint8_t to, uint8_t from, uint16_t type,
                                    const std::vector<uint8_t>& payload) {
    const uint8_t head[14] = {2,
                              0,
                              0,
                              0,
                              0,
                              to,
                              2,
                              0,
                              0,
                              0,
                              0,
                              from,
                              static_cast<uint8_t>(type >> 8),
                              static_cast<uint8_t>(type)};
    std::vector<uint8_t> made(sizeof head + std::max<size_t>(payload.size(), 46));
    std::ranges::copy(head, made.begin());
    std::ranges::copy(payload, made.begin() + sizeof head);
    return made;
  }
  static std::vector<uint8_t> ipv4_from(uint8_t last) {
    return {0x45, 0, 0, 46, 0, 0, 0, 0, 64, 253, 0, 0, 10, 1, 0, last, 10, 1, 0, 2};
  }

  Fd a_ = must(new_network_namespace()), b_ = must(new_network_namespace());
};
INSTANTIATE_TEST_SUITE_P(Fabric, EbpfFabricTest, ebpf, name_of);

// Nobody has told the two stacks of each other.
TEST_P(EbpfFabricTest, neighbours_are_answered_for) {
  open_port(veth_spec(1), a_);
  open_port(veth_spec(2), b_);
  expect_talk("10.1.0.");
  expect_talk("fd00:1::");
}

TEST_P(EbpfFabricTest, questions_for_strangers_get_no_answer_and_reach_nobody) {
  open_port(veth_spec(1), a_);
  const PortId two = open_port(veth_spec(2), b_);
  const uint64_t before = counted(two).rx_packets;
  for (const char* to : {"10.1.0.77", "10.1.0.255"})
    send_to(udp_socket(a_, "10.1.0.1"), to, "who is there");
  expect_talk("10.1.0.");
  EXPECT_EQ(counted(two).rx_packets - before, 2u);  // the datagram, the answer to b's own question
}

TEST_P(EbpfFabricTest, frames_that_lie_about_their_source_go_nowhere) {
  // With IPv6 the kernel in `a` would send reports of its own, to groups that nobody takes.
  must(set_network_defaults(a_, ends_defaults));
  PortSpec liar = veth_spec(1);
  std::erase_if(liar.addresses, [](const IpPrefix& prefix) { return prefix.address.v6; });
  const PortId one = open_port(liar, a_), two = open_port(veth_spec(2), b_);
  open_port(veth_spec(3), must(new_network_namespace()));
  const uint64_t before = counted(two).rx_packets, dropped = counted(one).tx_dropped;
  send_raw(a_, frame(2, 1, ETH_P_IP, ipv4_from(1)));
  EXPECT_EQ(counted(two).rx_packets - before, 1u);
  send_raw(a_, frame(2, 9, ETH_P_IP, ipv4_from(1)));  // a MAC of nobody
  send_raw(a_, frame(2, 3, ETH_P_IP, ipv4_from(1)));  // of another
  send_raw(a_, frame(2, 1, ETH_P_IP, ipv4_from(9)));  // an address of nobody
  send_raw(a_, frame(2, 1, ETH_P_IP, ipv4_from(2)));  // of the receiver
  std::vector<uint8_t> arp = {0,  1, 8, 0, 6, 4, 0, 2, 2, 0, 0,  0, 0, 1,
                              10, 1, 0, 3, 2, 0, 0, 0, 0, 2, 10, 1, 0, 2};
  send_raw(a_, frame(2, 1, ETH_P_ARP, arp));  // "10.1.0.3 is at my MAC"
  std::vector<uint8_t> ip6(46);
  ip6[0] = 0x60;
  ip6[6] = 59;
  const IpAddress nobody = *parse_ip("fd00:1::9");
  std::copy_n(nobody.bytes.begin(), 16, ip6.begin() + 8);
  send_raw(a_, frame(2, 1, ETH_P_IPV6, ip6));
  std::vector<uint8_t> tagged = {0, 5, 8, 0};
  const std::vector<uint8_t> inner = ipv4_from(9);
  tagged.insert(tagged.end(), inner.begin(), inner.end());
  send_raw(a_, frame(2, 1, ETH_P_8021Q, tagged));
  EXPECT_EQ(counted(two).rx_packets - before, 1u);
  EXPECT_EQ(counted(one).tx_dropped - dropped, 7u);
}

TEST_P(EbpfFabricTest, a_router_forwards_addresses_of_others) {
  PortSpec router = veth_spec(1);
  router.routes = true;
  open_port(router, a_);
  const PortId two = open_port(veth_spec(2), b_);
  const uint64_t before = counted(two).rx_packets;
  send_raw(a_, frame(2, 1, ETH_P_IP, ipv4_from(9)));
  EXPECT_EQ(counted(two).rx_packets - before, 1u);
}

// A bridge ends at 1,023 ports.
TEST_P(EbpfFabricTest, a_link_has_more_ports_than_a_bridge) {
  constexpr int many = 1100;
  for (int i = 0; i < many; ++i) {
    PortSpec spec;
    spec.id = fmt::format("default/s/m{}.1@1:port0", i);
    spec.link = "default/s/lan";
    spec.kind = PortKind::tap;
    spec.mac = {{2, 0, 0, 1, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}};
    must(fabric_->bind(must(fabric_->prepare(PortKind::tap, nullptr)), spec));
  }
  open_port(veth_spec(1), a_);
  open_port(veth_spec(2), b_);
  expect_talk("10.1.0.");
}

// The kernel walks all IPv6 routes of a namespace for each interface that comes up: with a route
// for each port, the 3,000th took twice what the 50th takes.
TEST_P(EbpfFabricTest, ports_leave_no_routes_to_walk) {
  open_port(veth_spec(1), a_);
  open_port(veth_spec(2), b_);
  expect_talk("10.1.0.");
  const NamespaceScope scope = must(NamespaceScope::enter(fabric_namespace_));
  // That of the thread, not of the process (/proc/net is a link to the latter's).
  EXPECT_EQ(must(read_file("/proc/thread-self/net/ipv6_route")).find(" vp"), std::string::npos);
}

// The kernel counts for the interface, whichever port it is.
TEST_P(EbpfFabricTest, a_reclaimed_tap_does_not_count_what_its_former_port_lost) {
  open_port(veth_spec(1), a_);
  PortSpec spec = veth_spec(2);
  spec.kind = PortKind::tap;
  const PortId spare = must(fabric_->prepare(PortKind::tap, nullptr));
  must(fabric_->bind(spare, spec, GateState::open));
  const Fd from = udp_socket(a_, "10.1.0.1");
  for (int sent = 0; sent < 5000 && counted(spec.id).rx_dropped == 0; sent += 500)
    for (int i = 0; i < 500; ++i) send_to(from, "10.1.0.2", "nobody reads");
  ASSERT_GT(counted(spec.id).rx_dropped, 0u);
  const std::optional<PortId> again = must(fabric_->reclaim(spec.id));
  ASSERT_TRUE(again);
  spec.id = "default/s/next.1@1:port0";
  must(fabric_->bind(*again, spec, GateState::open));
  send_to(from, "10.1.0.2", "one");
  EXPECT_EQ(counted(spec.id).rx_packets, 1u);
  EXPECT_EQ(counted(spec.id).rx_dropped, 0u);
}

TEST_P(EbpfFabricTest, a_later_daemon_forgets_ports_whose_interface_is_gone) {
  open_port(veth_spec(1), a_);
  open_port(veth_spec(2), b_);
  fabric_.reset();  // it would hold the namespace
  b_ = Fd();        // the instance's namespace dies with its last process
  Netlink inside = must(Netlink::open(&fabric_namespace_));
  for (int i = 0; i < 300 && must(inside.links()).size() > 2; ++i) ::usleep(10'000);
  ASSERT_EQ(must(inside.links()).size(), 2u);
  reopen();
  EXPECT_EQ(must(fabric_->list()).ports.size(), 1u);
  b_ = must(new_network_namespace());
  open_port(veth_spec(2), b_);
  expect_talk("10.1.0.");
}

}  // namespace
}  // namespace vireo
