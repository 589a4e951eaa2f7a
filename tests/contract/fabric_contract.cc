// SPDX-License-Identifier: Apache-2.0
#include "fabric_contract.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>

namespace vireo {
namespace {

constexpr size_t vnet_header = 10;
constexpr size_t head_size = vnet_header + 14;
constexpr int patience_ms = 2000;
const LinkId lan = "default/s/lan";

}  // namespace

void FabricContract::SetUp() {
  world_ = GetParam().make();
  ASSERT_EQ(world_->left(), 0u);
  fabric_ = world_->open();
  must(fabric_->ensure_link({.id = lan}));
}

void FabricContract::TearDown() {
  const FabricState state = must(fabric_->list());
  for (const PortRecord& port : state.ports) must(fabric_->unplug(port.id));
  for (const LinkRequest& link : state.links) must(fabric_->remove_link(link.id));
  fabric_.reset();
  EXPECT_EQ(world_->left(), 0u);
}

PortSpec FabricContract::spec(int number, int generation) const {
  PortSpec made;
  made.id = fmt::format("default/s/f{}.1@{}:port0", number, generation);
  made.link = lan;
  made.kind = GetParam().kind;
  made.name = "port0";
  made.mac = {{2, 0, 0, 0, 0, static_cast<uint8_t>(number)}};
  made.addresses = {must(parse_prefix(fmt::format("10.0.0.{}/24", number)))};
  return made;
}

FabricContract::Plugged FabricContract::plug(const PortSpec& spec, GateState gate) {
  const PortId spare = must(fabric_->prepare(spec.kind, nullptr));
  return {spec.id, spec.mac, must(fabric_->bind(spare, spec, gate))};
}

void FabricContract::open(const Plugged& port) {
  must(fabric_->set_state(port.id, GateState::open));
}
void FabricContract::block(const Plugged& port) {
  must(fabric_->set_state(port.id, GateState::blocked));
}

void FabricContract::send(const Plugged& from, const MacAddress& to, const std::string& text) {
  std::string frame(vnet_header, '\0');
  frame.append(to.bytes.begin(), to.bytes.end());
  frame.append(from.mac.bytes.begin(), from.mac.bytes.end());
  frame += "\x88\xb5";  // for local experiments
  frame += text + '\0';
  frame.resize(std::max<size_t>(frame.size(), vnet_header + 60));
  ASSERT_EQ(::write(from.endpoint.fd.get(), frame.data(), frame.size()),
            static_cast<ssize_t>(frame.size()));
  world_->pump();
}

std::string FabricContract::receive(const Plugged& at) {
  for (;;) {
    world_->pump();
    pollfd ready{at.endpoint.fd.get(), POLLIN, 0};
    if (::poll(&ready, 1, patience_ms) != 1) return "nothing";
    std::string frame(70'000, '\0');
    const ssize_t size = ::read(at.endpoint.fd.get(), frame.data(), frame.size());
    if (size < static_cast<ssize_t>(head_size)) return "nothing";
    // Kernels send frames of their own accord.
    if (frame.compare(vnet_header + 12, 2, "\x88\xb5") != 0) continue;
    return frame.c_str() + head_size;
  }
}

GateState FabricContract::gate_of(const PortId& id) {
  for (const PortRecord& port : must(fabric_->list()).ports)
    if (port.id == id) return port.gate;
  ADD_FAILURE() << id << " is not listed";
  return GateState::blocked;
}

TEST_P(FabricContract, links_may_be_made_and_removed_twice) {
  must(fabric_->ensure_link({.id = lan}));
  must(fabric_->ensure_link({.id = "default/s/wan"}));
  EXPECT_EQ(must(fabric_->list()).links.size(), 2u);
  must(fabric_->remove_link("default/s/wan"));
  must(fabric_->remove_link("default/s/wan"));
  EXPECT_EQ(must(fabric_->list()).links.size(), 1u);
}

TEST_P(FabricContract, a_link_with_ports_is_not_removed) {
  const Plugged a = plug(spec(1));
  EXPECT_EQ(code_of(fabric_->remove_link(lan)), Errc::conflict);
  EXPECT_EQ(must(fabric_->list()).links.size(), 1u);
}

TEST_P(FabricContract, a_port_is_plugged_blocked_and_passes_nothing_in) {
  const Plugged a = plug(spec(1)), b = plug(spec(2));
  EXPECT_EQ(gate_of(b.id), GateState::blocked);
  open(a);
  send(a, b.mac, "blocked");
  open(b);
  EXPECT_EQ(gate_of(b.id), GateState::open);
  send(a, b.mac, "open");
  EXPECT_EQ(receive(b), "open");
}

TEST_P(FabricContract, a_blocked_port_passes_nothing_out) {
  const Plugged a = plug(spec(1)), b = plug(spec(2));
  open(b);
  send(a, b.mac, "blocked");
  open(a);
  send(a, b.mac, "open");
  EXPECT_EQ(receive(b), "open");
}

TEST_P(FabricContract, closing_the_gate_again_stops_both_directions) {
  const Plugged a = plug(spec(1)), b = plug(spec(2));
  open(a);
  open(b);
  block(a);
  EXPECT_EQ(gate_of(a.id), GateState::blocked);
  send(a, b.mac, "out");
  send(b, a.mac, "in");
  open(a);
  send(a, b.mac, "later");
  send(b, a.mac, "later");
  EXPECT_EQ(receive(b), "later");
  EXPECT_EQ(receive(a), "later");
}

TEST_P(FabricContract, the_gates_of_others_do_not_move) {
  const Plugged a = plug(spec(1)), b = plug(spec(2)), c = plug(spec(3));
  open(c);
  open(a);
  block(c);
  EXPECT_EQ(gate_of(b.id), GateState::blocked);
  must(fabric_->unplug(c.id));
  send(a, b.mac, "blocked");
  open(b);
  send(a, b.mac, "open");
  EXPECT_EQ(receive(b), "open");
}

TEST_P(FabricContract, what_lies_behind_a_port_is_reached_through_it) {
  PortSpec front = spec(2);
  front.behind = {{*parse_ip("10.0.0.9"), {{2, 0, 0, 0, 0, 9}}}};
  const Plugged a = plug(spec(1)), b = plug(front);
  open(a);
  open(b);
  send(a, {{2, 0, 0, 0, 0, 9}}, "behind");
  EXPECT_EQ(receive(b), "behind");
}

TEST_P(FabricContract, update_changes_what_lies_behind) {
  PortSpec front = spec(2);
  front.behind = {{*parse_ip("10.0.0.8"), {{2, 0, 0, 0, 0, 8}}}};
  const Plugged a = plug(spec(1)), b = plug(front);
  open(a);
  open(b);
  front.behind = {{*parse_ip("10.0.0.9"), {{2, 0, 0, 0, 0, 9}}}};
  must(fabric_->update(front));
  send(a, {{2, 0, 0, 0, 0, 8}}, "former");
  send(a, {{2, 0, 0, 0, 0, 9}}, "behind");
  EXPECT_EQ(receive(b), "behind");
  EXPECT_EQ(code_of(fabric_->update(spec(7))), Errc::not_found);
}

TEST_P(FabricContract, whoever_is_not_known_is_looked_for_outward) {
  PortSpec front = spec(3);
  front.outward = true;
  const Plugged a = plug(spec(1)), b = plug(spec(2)), c = plug(front);
  for (const Plugged* port : {&a, &b, &c}) open(*port);
  send(a, {{2, 0, 0, 0, 0, 77}}, "stranger");
  send(a, {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, "all");
  send(a, {{2, 0, 0, 0, 0, 2}}, "friend");
  EXPECT_EQ(receive(c), "stranger");
  EXPECT_EQ(receive(c), "all");
  EXPECT_EQ(receive(b), "friend");
  front.outward = false;
  must(fabric_->update(front));
  send(a, {{2, 0, 0, 0, 0, 78}}, "stranger");
  send(a, {{2, 0, 0, 0, 0, 3}}, "friend");
  EXPECT_EQ(receive(c), "friend");
}

TEST_P(FabricContract, broadcast_reaches_only_who_asked) {
  PortSpec listener = spec(3);
  listener.broadcast = true;
  const Plugged a = plug(spec(1)), b = plug(spec(2)), c = plug(listener);
  for (const Plugged* port : {&a, &b, &c}) open(*port);
  send(a, {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, "all");
  send(a, b.mac, "one");
  EXPECT_EQ(receive(c), "all");
  EXPECT_EQ(receive(b), "one");
}

TEST_P(FabricContract, counters_are_as_the_function_sees_them) {
  const Plugged a = plug(spec(1)), b = plug(spec(2));
  open(a);
  open(b);
  const PortId ids[] = {a.id, b.id, "default/s/unknown.1@1:port0"};
  const auto before = fabric_->counters(ids);
  send(a, b.mac, "one");
  send(a, b.mac, "two");
  EXPECT_EQ(receive(b), "one");
  EXPECT_EQ(receive(b), "two");
  const auto after = fabric_->counters(ids);
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after[0].id, a.id);
  EXPECT_EQ(after[0].tx_packets - before[0].tx_packets, 2u);
  EXPECT_EQ(after[1].rx_packets - before[1].rx_packets, 2u);
  EXPECT_EQ(after[1].rx_bytes - before[1].rx_bytes, 120u);
}

TEST_P(FabricContract, binding_again_gives_the_same_endpoint) {
  const Plugged a = plug(spec(1)), b = plug(spec(2));
  Plugged again{b.id, b.mac, must(fabric_->bind("~another", spec(2)))};
  open(a);
  open(b);
  send(a, b.mac, "same");
  EXPECT_EQ(receive(again), "same");
  EXPECT_EQ(must(fabric_->list()).ports.size(), 2u);
}

TEST_P(FabricContract, what_is_bound_open_needs_no_other_call) {
  const Plugged a = plug(spec(1));
  open(a);
  const Plugged b = plug(spec(2), GateState::open);
  for (const PortRecord& port : must(fabric_->list()).ports) EXPECT_EQ(port.gate, GateState::open);
  send(a, b.mac, "to it");
  EXPECT_EQ(receive(b), "to it");
  send(b, a.mac, "from it");
  EXPECT_EQ(receive(a), "from it");
}

// A generation that replaces another, as a whole service that starts anew does.
TEST_P(FabricContract, what_is_bound_open_takes_what_lies_behind_it) {
  const Plugged a = plug(spec(1)), old = plug(spec(2));
  open(a);
  open(old);
  const Plugged next = plug(spec(2, 2), GateState::open);
  send(a, next.mac, "for the next");
  EXPECT_EQ(receive(next), "for the next");
  EXPECT_EQ(receive(old), "nothing");
}

TEST_P(FabricContract, bind_names_what_is_wrong) {
  PortSpec lost = spec(1);
  lost.link = "default/s/nowhere";
  const PortId spare = must(fabric_->prepare(lost.kind, nullptr));
  EXPECT_EQ(code_of(fabric_->bind(spare, lost)), Errc::not_found);
  EXPECT_EQ(code_of(fabric_->bind("~unknown", spec(1))), Errc::not_found);
  PortSpec other = spec(1);
  other.kind = PortKind::veth;
  EXPECT_EQ(code_of(fabric_->bind(spare, other)), Errc::invalid);
  const Plugged bound = plug(spec(2));
  EXPECT_EQ(code_of(fabric_->bind(bound.id, spec(3))), Errc::conflict);
  must(fabric_->bind(spare, spec(1)));
}

TEST_P(FabricContract, a_reclaimed_port_serves_another_without_a_trace_or_is_gone) {
  const Plugged a = plug(spec(1));
  open(a);
  Plugged b = plug(spec(2), GateState::open);
  send(a, b.mac, "read");
  EXPECT_EQ(receive(b), "read");
  send(a, b.mac, "never read");
  b.endpoint.fd = Fd();
  const std::optional<PortId> spare = must(fabric_->reclaim(b.id));
  EXPECT_EQ(must(fabric_->reclaim(b.id)), std::nullopt);
  const FabricState state = must(fabric_->list());
  EXPECT_EQ(std::ranges::count(state.ports, b.id, &PortRecord::id), 0);
  EXPECT_EQ(state.ports.size(), spare ? 2u : 1u);
  if (!spare) return;
  EXPECT_EQ(code_of(fabric_->set_state(*spare, GateState::open)), Errc::not_found);
  const Plugged c{spec(3).id, spec(3).mac, must(fabric_->bind(*spare, spec(3), GateState::open))};
  const std::vector<PortId> ids{c.id};
  for (const PortCounters& counters : fabric_->counters(ids)) EXPECT_EQ(counters.rx_packets, 0u);
  send(a, b.mac, "to one that is gone");
  send(a, c.mac, "first");
  EXPECT_EQ(receive(c), "first");
  send(c, a.mac, "back");
  EXPECT_EQ(receive(a), "back");
}

TEST_P(FabricContract, unplugging_twice_or_a_spare_or_the_unknown_succeeds) {
  const Plugged a = plug(spec(1));
  const PortId spare = must(fabric_->prepare(GetParam().kind, nullptr));
  EXPECT_EQ(must(fabric_->list()).ports.size(), 2u);
  must(fabric_->unplug(a.id));
  must(fabric_->unplug(a.id));
  must(fabric_->unplug(spare));
  must(fabric_->unplug("default/s/unknown.1@1:port0"));
  EXPECT_TRUE(must(fabric_->list()).ports.empty());
  EXPECT_EQ(code_of(fabric_->set_state(a.id, GateState::open)), Errc::not_found);
  must(fabric_->remove_link(lan));
}

TEST_P(FabricContract, a_spare_has_no_gate) {
  const PortId spare = must(fabric_->prepare(GetParam().kind, nullptr));
  EXPECT_EQ(code_of(fabric_->set_state(spare, GateState::open)), Errc::not_found);
}

TEST_P(FabricContract, a_later_daemon_finds_everything_and_goes_on) {
  PortSpec front = spec(2);
  front.behind = {{*parse_ip("10.0.0.9"), {{2, 0, 0, 0, 0, 9}}}};
  const Plugged a = plug(spec(1)), b = plug(front);
  open(a);
  fabric_ = world_->open();
  const FabricState found = must(fabric_->list());
  ASSERT_EQ(found.links.size(), 1u);
  EXPECT_EQ(found.links[0].id, lan);
  ASSERT_EQ(found.ports.size(), 2u);
  for (const PortRecord& port : found.ports) {
    EXPECT_EQ(port.link, lan);
    EXPECT_EQ(port.kind, GetParam().kind);
    EXPECT_EQ(port.gate, port.id == a.id ? GateState::open : GateState::blocked);
  }
  must(fabric_->ensure_link({.id = lan}));
  open(b);
  send(a, {{2, 0, 0, 0, 0, 9}}, "behind");
  EXPECT_EQ(receive(b), "behind");
  const Plugged next = plug(spec(2, 2));
  must(fabric_->swap(b.id, next.id));
  send(a, {{2, 0, 0, 0, 0, 9}}, "moved");
  EXPECT_EQ(receive(next), "moved");
}

TEST_P(FabricContract, a_frame_of_64_kilobytes_crosses_in_one_piece) {
  const Plugged a = plug(spec(1)), b = plug(spec(2));
  open(a);
  open(b);
  // A TCP segment of IPv4 for the receiver to cut: NEEDS_CSUM, GSO_TCPV4.
  constexpr unsigned payload = 60'000, total = 20 + 20 + payload;
  std::string frame(vnet_header + 14 + total, 'x');
  const auto put = [&](size_t at, std::initializer_list<int> bytes) {
    for (const int byte : bytes) frame[at++] = static_cast<char>(byte);
  };
  put(0, {1, 1, 54, 0, 1448 & 255, 1448 >> 8, 34, 0, 16, 0});
  std::copy_n(b.mac.bytes.begin(), 6, frame.begin() + 10);
  std::copy_n(a.mac.bytes.begin(), 6, frame.begin() + 16);
  put(22, {8, 0});
  put(24, {0x45, 0, total >> 8, total & 255, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2});
  put(44, {0, 80, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 1, 0, 0x12, 0x34, 0, 0});
  ASSERT_EQ(::write(a.endpoint.fd.get(), frame.data(), frame.size()),
            static_cast<ssize_t>(frame.size()));
  world_->pump();
  pollfd ready{b.endpoint.fd.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&ready, 1, patience_ms), 1);
  std::string arrived(70'000, '\0');
  const ssize_t size = ::read(b.endpoint.fd.get(), arrived.data(), arrived.size());
  ASSERT_EQ(size, static_cast<ssize_t>(frame.size()));
  arrived.resize(static_cast<size_t>(size));
  // Flags, kind, segment size, where the checksum starts and belongs, and its partial value.
  EXPECT_EQ(arrived.substr(0, 2), frame.substr(0, 2));
  EXPECT_EQ(arrived.substr(4, 6), frame.substr(4, 6));
  EXPECT_EQ(arrived.substr(vnet_header), frame.substr(vnet_header));
}

}  // namespace vireo
