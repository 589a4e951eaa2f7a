// SPDX-License-Identifier: Apache-2.0
// One port takes the place of another.
#include <fmt/format.h>

#include "fabric_contract.h"

namespace vireo {

TEST_P(FabricContract, swap_moves_the_traffic_at_once) {
  const Plugged a = plug(spec(1)), old = plug(spec(2)), next = plug(spec(2, 2));
  open(a);
  open(old);
  send(a, old.mac, "first");
  EXPECT_EQ(receive(old), "first");
  must(fabric_->swap(old.id, next.id));
  send(a, old.mac, "second");
  EXPECT_EQ(receive(next), "second");
  EXPECT_NE(gate_of(old.id), GateState::open);
  block(old);
  EXPECT_EQ(gate_of(old.id), GateState::blocked);
  send(old, a.mac, "stale");
  send(next, a.mac, "fresh");
  EXPECT_EQ(receive(a), "fresh");
  must(fabric_->unplug(old.id));
  send(a, old.mac, "third");
  EXPECT_EQ(receive(next), "third");
}

TEST_P(FabricContract, swap_loses_nothing_of_a_flow) {
  const Plugged a = plug(spec(1)), old = plug(spec(2)), next = plug(spec(2, 2));
  open(a);
  open(old);
  constexpr int count = 60;
  for (int i = 0; i < count; ++i) {
    send(a, old.mac, fmt::format("{}", i));
    if (i == count / 2) must(fabric_->swap(old.id, next.id));
  }
  for (int i = 0; i < count; ++i)
    EXPECT_EQ(receive(i <= count / 2 ? old : next), fmt::format("{}", i));
}

TEST_P(FabricContract, what_is_exchanged_may_send_what_it_has_and_its_heir_may_send_before) {
  const Plugged a = plug(spec(1)), old = plug(spec(2)), next = plug(spec(2, 2));
  open(a);
  open(old);
  must(fabric_->set_state(next.id, GateState::sending));
  if (gate_of(next.id) == GateState::blocked) GTEST_SKIP() << "this fabric blocks it";
  send(next, a.mac, "early");
  EXPECT_EQ(receive(a), "early");
  send(a, old.mac, "still the old one's");
  EXPECT_EQ(receive(old), "still the old one's");
  must(fabric_->swap(old.id, next.id));
  EXPECT_EQ(gate_of(old.id), GateState::sending);
  send(old, a.mac, "late");
  EXPECT_EQ(receive(a), "late");
  send(a, old.mac, "the heir's");
  EXPECT_EQ(receive(next), "the heir's");
  block(old);
  send(old, a.mac, "stale");
  send(next, a.mac, "fresh");
  EXPECT_EQ(receive(a), "fresh");
}

TEST_P(FabricContract, what_a_closed_gate_refuses_is_counted_where_the_fabric_says_so) {
  if (!fabric_->info().counts_refused) GTEST_SKIP() << "this fabric does not count it";
  const Plugged a = plug(spec(1)), b = plug(spec(2));
  open(a);
  const std::vector<PortId> both{a.id, b.id};
  send(a, b.mac, "to a closed gate");
  send(b, a.mac, "from a closed gate");
  open(b);
  send(a, b.mac, "open");
  EXPECT_EQ(receive(b), "open");
  const std::vector<PortCounters> counters = fabric_->counters(both);
  ASSERT_EQ(counters.size(), 2u);
  EXPECT_EQ(counters[1].rx_dropped, 1u);
  EXPECT_EQ(counters[1].tx_dropped, 1u);
}

TEST_P(FabricContract, swap_without_the_old_port_opens_the_new) {
  const Plugged next = plug(spec(2, 2));
  must(fabric_->swap("default/s/gone.1@1:port0", next.id));
  must(fabric_->swap("default/s/gone.1@1:port0", next.id));
  EXPECT_EQ(gate_of(next.id), GateState::open);
  EXPECT_EQ(code_of(fabric_->swap(next.id, "default/s/gone.1@2:port0")), Errc::not_found);
  EXPECT_EQ(code_of(fabric_->swap(next.id, next.id)), Errc::invalid);
}

}  // namespace vireo
