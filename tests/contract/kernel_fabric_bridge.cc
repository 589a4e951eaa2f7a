// SPDX-License-Identifier: Apache-2.0
#include "fabric/bridge/bridge_fabric.h"
#include "kernel_fabric.h"
#include "kernel_world.h"

namespace vireo {
namespace {

const auto bridge = testing::Values(KernelFabricCase{"bridge", open_kernel_fabric<BridgeFabric>});
const auto name_of = [](const auto& test) { return test.param.name; };

INSTANTIATE_TEST_SUITE_P(Fabric, KernelFabricTest, bridge, name_of);
INSTANTIATE_TEST_SUITE_P(Fabric, KernelUplinkTest, bridge, name_of);

class BridgeFabricTest : public KernelFabricTest {};
INSTANTIATE_TEST_SUITE_P(Fabric, BridgeFabricTest, bridge, name_of);

// The daemon ends between the two removals; the link may have been made anew meanwhile.
TEST_P(BridgeFabricTest, the_hosts_end_of_a_link_that_is_gone_goes_too) {
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
  reopen();  // until all that was found too much is gone
  EXPECT_EQ(host_ends(), 0);

  must(fabric_->ensure_link(lan));
  remove_bridge();
  EXPECT_TRUE(must(fabric_->list()).links.empty());
  must(fabric_->ensure_link(lan));
  EXPECT_EQ(host_ends(), 2);
  reopen();
  reopen();  // until all that was found too much is gone
  EXPECT_EQ(host_ends(), 1);
  EXPECT_EQ(must(fabric_->list()).links.front().host_addresses, lan.host_addresses);
  must(fabric_->remove_link(lan.id));
}

}  // namespace
}  // namespace vireo
