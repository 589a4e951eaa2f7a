// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/start_record.h"

#include <gtest/gtest.h>

namespace vireo::bench {
namespace {

Json record(const std::string& text) {
  auto json = parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : Json();
}

TEST(StartRecord, names_the_tier_of_a_machine_and_its_drivers_part) {
  const Json machine = record(
      R"({"steps": [{"phases": [{"name": "shell", "note": "loaded", "ms": 1}]},
          {"phases": [{"name": "start.vmm load", "note": "parked", "ms": 0.25},
                      {"name": "start", "note": "", "ms": 4},
                      {"name": "start.vmm begin", "note": "", "ms": 0.5}]}]})");
  EXPECT_EQ(tier_of(machine), "parked");
  EXPECT_EQ(why_not_of_tier(machine, "parked"), "");
  EXPECT_EQ(why_not_of_tier(machine, "rehearsed"), "it was started as `parked`");
  const auto phases = phases_of(machine);
  ASSERT_EQ(phases.size(), 4u);
  EXPECT_EQ(phases[0].name, "shell");
  EXPECT_DOUBLE_EQ(driver_part(phases), 0.75);
}

TEST(StartRecord, a_container_has_no_tier) {
  const Json container = record(
      R"({"steps": [{"phases": [{"name": "shell", "note": "cold", "ms": 1}]}, {"phases": []}]})");
  EXPECT_EQ(tier_of(container), "");
  EXPECT_EQ(why_not_of_tier(container, "cold"), "its record names no tier");
  EXPECT_EQ(driver_part(phases_of(container)), 0);
}

}  // namespace
}  // namespace vireo::bench
