// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "control/plan/facets.h"
#include "control/test/fixture.h"

namespace vireo {
namespace {

TEST(Facets, only_what_both_sides_know_is_compared) {
  std::vector<FacetChange> changes =
      compare({{"a", "1"}, {"old", "x"}}, {{"a", "2"}, {"new", "y"}});
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].name, "a");
  EXPECT_EQ(effect_of("memory"), FacetEffect::resize);
  EXPECT_EQ(effect_of("wiring"), FacetEffect::rewire);
  EXPECT_EQ(effect_of("config"), FacetEffect::replace);
}

TEST(PlanText, shows_what_changes_and_counts_it) {
  World world;
  world.start_daemon();
  Plan first = world.daemon().plan({branch_office, "t", {}});
  EXPECT_NE(first.text.find("+ link      wan       10.10.0.0/24"), std::string::npos) << first.text;
  EXPECT_NE(first.text.find("+ chain     wan -> fw -> nat -> lan"), std::string::npos);
  EXPECT_NE(first.text.find("2 tap ports\n"), std::string::npos) << first.text;
  EXPECT_NE(first.text.find("7 to create, 0 to change, 0 to remove."), std::string::npos);
  world.run_settled(branch_office);
  Plan again = world.daemon().plan({branch_office, "t", {}});
  EXPECT_EQ(again.text, "Nothing to do: the host is as described.\n");
  Plan edit = world.daemon().plan({edited_office, "t", {}});
  EXPECT_NE(edit.text.find("memory 16.0 MiB -> 32.0 MiB"), std::string::npos) << edit.text;
  EXPECT_NE(edit.text.find("make before break, no gap"), std::string::npos);
  EXPECT_NE(edit.text.find("stop first"), std::string::npos);
  EXPECT_NE(edit.text.find("1 to create, 3 to change, 0 to remove."), std::string::npos);
  Plan wrong = world.daemon().plan({"vireo: 1\nservice: s\nfunctoins: {}\n", "my.yaml", {}});
  EXPECT_TRUE(wrong.changes.empty());
  EXPECT_NE(wrong.text.find("my.yaml:3:1"), std::string::npos) << wrong.text;
}

}  // namespace
}  // namespace vireo
