// SPDX-License-Identifier: Apache-2.0
#include "fabric/labels.h"

#include <gtest/gtest.h>

namespace vireo {
namespace {

TEST(labels, survive_the_way_through_an_alias) {
  const Label label{Role::port,           PortKind::packet, false,
                    {{2, 0, 0, 0, 0, 7}}, "default/s/lan",  "default/s/fw.1@3:port0"};
  EXPECT_EQ(parse_label(*label_text(label)), label);
  const Label spare{.role = Role::spare, .kind = PortKind::veth, .id = "~port-7"};
  EXPECT_EQ(parse_label(*label_text(spare)), spare);
  for (const std::string foreign : {"", "to the city", "vireo1 port", "vireo1 a b c d e f"})
    EXPECT_FALSE(parse_label(foreign).has_value()) << foreign;
}

}  // namespace
}  // namespace vireo
