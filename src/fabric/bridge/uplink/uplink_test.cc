// SPDX-License-Identifier: Apache-2.0
// Interfaces and bridges of the host that join a link, and go back as they were.
#include "fabric/bridge/bridge_fixture.h"

namespace vireo {
namespace {

// An interface of the host, as a machine has it: up, with addresses and routes through it.
class UplinkTest : public BridgeFabricTest {
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

TEST_F(UplinkTest, is_judged_before_anything_is_done) {
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

TEST_F(UplinkTest, one_taken_carries_the_link_and_is_given_back_whole) {
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
  const PortId one = open_to_outside(a);
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

}  // namespace
}  // namespace vireo
