// SPDX-License-Identifier: Apache-2.0
// What every fabric of the kernel's interfaces does for kernel stacks as ports: gates, the host's
// own interface.
#include "kernel_fabric.h"

#include "fabric/far_end.h"

namespace vireo {

TEST_P(KernelFabricTest, kernel_stacks_talk_at_once_when_opened_and_not_before) {
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
TEST_P(KernelFabricTest, addresses_receive_as_soon_as_they_are_there) {
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
TEST_P(KernelFabricTest, a_blocked_port_stays_blocked_when_others_join) {
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

// As a function does that holds CAP_NET_ADMIN: the kernel sets the port's state anew.
TEST_P(KernelFabricTest, a_gate_holds_when_the_far_end_goes_down_and_up) {
  const Fd a = must(new_network_namespace());
  const Fd b = must(new_network_namespace());
  must(fabric_->ensure_link({.id = "default/s/lan"}));
  PortSpec first = veth_spec(1), second = veth_spec(2);
  know(first, second);
  know(second, first);
  second.broadcast = true;
  const PortId one = plug(first, a), two = plug(second, b);
  must(fabric_->set_state(one, GateState::open));
  const auto flap = [&] {
    Netlink stack = must(Netlink::open(&b));
    const int index = must(stack.link("port0")).index;
    NetlinkBatch down, up;
    must(stack.commit(down.change_link({.index = index, .up = false})));
    up.change_link({.index = index, .up = true});
    for (const IpPrefix& other : first.addresses) up.add_neighbour(index, other.address, first.mac);
    must(stack.commit(up));
    must(stack.wait_operational(index, std::chrono::seconds(2)));
    must(must(Netlink::open(&fabric_namespace_)).wait_operational(index, std::chrono::seconds(2)));
  };
  const auto nothing_passes = [&] {
    const Fd from = udp_socket(a, "10.1.0.1"), to = udp_socket(b, "10.1.0.2");
    send_to(to, "10.1.0.1", "out of a closed gate");
    send_to(from, "10.1.0.2", "into a closed gate");
    must(fabric_->set_state(two, GateState::open));
    send_to(from, "10.1.0.2", "open");
    EXPECT_EQ(receive(to), "open");
    send_to(to, "10.1.0.1", "back");
    EXPECT_EQ(receive(from), "back");
  };
  flap();
  reopen();  // a later daemon sees a closed gate too
  for (const PortRecord& port : must(fabric_->list()).ports)
    EXPECT_EQ(port.gate == GateState::open, port.id == one) << port.id;
  nothing_passes();
  must(fabric_->set_state(two, GateState::blocked));
  flap();
  nothing_passes();
  must(fabric_->unplug(one));
  must(fabric_->unplug(two));
  must(fabric_->remove_link("default/s/lan"));
}

TEST_P(KernelFabricTest, the_host_reaches_functions_that_know_nothing_of_it) {
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

TEST_P(KernelFabricTest, a_host_that_can_is_told_so) {
  const HostSupport support = fabric_->check_host();
  EXPECT_TRUE(support.possible) << (support.missing.empty() ? "" : support.missing.front());
}

// Names that an interface cannot carry are refused before anything is made.
TEST_P(KernelFabricTest, a_name_that_is_too_long_is_refused) {
  const Result<void> made = fabric_->ensure_link({.id = std::string(300, 'x')});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Errc::invalid);
  EXPECT_TRUE(must(fabric_->list()).links.empty());
}

}  // namespace vireo
