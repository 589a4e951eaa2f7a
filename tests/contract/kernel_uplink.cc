// SPDX-License-Identifier: Apache-2.0
// Interfaces and bridges of the host that join a link, and go back as they were.
#include "kernel_fabric.h"

namespace vireo {

TEST_P(KernelUplinkTest, one_in_use_is_refused_and_keeps_what_it_has) {
  const Result<void> made = fabric_->ensure_link(with_uplink("eth1", false));
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Errc::conflict);
  EXPECT_NE(made.error().message.find("default route"), std::string::npos) << made.error().message;
  expect_given_back();
  EXPECT_FALSE(fabric_->ensure_link(with_uplink("lo", true)).has_value());
  EXPECT_FALSE(fabric_->ensure_link(with_uplink("eth9", true)).has_value());
  must(fabric_->remove_link("default/s/lan"));
}

TEST_P(KernelUplinkTest, is_judged_before_anything_is_done) {
  auto check = [&](const char* link, const char* interface, bool take) {
    return fabric_->check_uplink(link, Uplink{interface, take});
  };
  EXPECT_EQ(check("default/s/lan", "eth1", false).error().code, Errc::conflict);
  EXPECT_EQ(check("default/s/lan", "eth9", true).error().code, Errc::not_found);
  ASSERT_TRUE(check("default/s/lan", "eth1", true));
  expect_given_back();
  must(fabric_->ensure_link(with_uplink("eth1", true)));
  reopen();
  EXPECT_FALSE(must(check("default/s/lan", "eth1", true)).shared);
  const Result<UplinkOffer> other = check("default/t/lan", "eth1", true);
  EXPECT_NE(other.error().message.find("default/s/lan already"), std::string::npos);
  must(fabric_->remove_link("default/s/lan"));
}

TEST_P(KernelUplinkTest, one_taken_carries_the_link_and_is_given_back_whole) {
  must(fabric_->ensure_link(with_uplink("eth1", true)));
  EXPECT_FALSE(must(Netlink::open(&host_)).link("eth1").has_value());
  must(fabric_->ensure_link(with_uplink("eth1", true)));
  const Fd a = must(new_network_namespace());
  const PortId one = open_to_outside(a);
  reopen();
  EXPECT_EQ(must(fabric_->list()).links.at(0).uplink, (Uplink{"eth1", true}));
  must(fabric_->unplug(one));
  must(fabric_->remove_link("default/s/lan"));
  expect_given_back();
}

TEST_P(KernelUplinkTest, a_change_of_mind_gives_it_back) {
  must(fabric_->ensure_link(with_uplink("eth1", true)));
  must(fabric_->ensure_link({.id = "default/s/lan"}));
  expect_given_back();
  must(fabric_->remove_link("default/s/lan"));
}

TEST_P(KernelUplinkTest, a_bridge_of_the_host_is_joined_by_a_veth) {
  Netlink host = must(Netlink::open(&host_));
  NetlinkBatch bridge, joined;
  must(host.commit(bridge.add_bridge({.index = 60, .name = "br0", .mac = {{2, 9, 9, 9, 9, 9}}})));
  joined.change_link({.index = 60, .up = true});
  joined.change_link({.index = 50, .master = 60});
  must(host.commit(joined));
  EXPECT_FALSE(fabric_->ensure_link(with_uplink("eth1", true)).has_value());
  must(fabric_->ensure_link(with_uplink("br0", false)));
  const Fd a = must(new_network_namespace());
  const PortId one = open_to_outside(a);
  must(fabric_->unplug(one));
  must(fabric_->remove_link("default/s/lan"));
}

}  // namespace vireo
