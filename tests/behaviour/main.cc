// SPDX-License-Identifier: Apache-2.0
// One behavioural suite for each function in each technology: the same packets in, the same packets
// out. Where Linux has the function, it runs the cases too.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "behaviour/suite.h"

namespace vireo::behaviour {
namespace {

std::unique_ptr<Platform> the_platform;
std::string why_none;

std::vector<Technology> all_technologies() {
  if (the_platform != nullptr) return the_platform->technologies();
  return {{"container", why_none}};
}

class Technologies : public testing::TestWithParam<Technology> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Technologies);

TEST_P(Technologies, can_run) {
  if (!GetParam().missing.empty()) GTEST_SKIP() << "not run: " << GetParam().missing;
}
std::string name_of(const testing::TestParamInfo<Technology>& info) {
  return test_name({info.param.name, info.index});
}
INSTANTIATE_TEST_SUITE_P(Behaviour, Technologies, testing::ValuesIn(all_technologies()), name_of);

}  // namespace

Platform* platform() { return the_platform.get(); }

std::vector<std::string> technologies(bool with_reference) {
  std::vector<std::string> names;
  for (const Technology& each : all_technologies())
    if (each.missing.empty() && (with_reference || each.name != reference))
      names.push_back(each.name);
  return names;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& each : name)
    if (each == '.') each = '_';
  return name;
}

}  // namespace vireo::behaviour

int main(int argc, char** argv) {
  using namespace vireo::behaviour;
  const char* programs = std::getenv("VIREO_BIN");
  if (::geteuid() != 0) {
    why_none = "needs root";
  } else if (auto made = Platform::start(programs != nullptr ? programs : VIREO_PROGRAMS)) {
    the_platform = *std::move(made);
  } else {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    return 1;
  }
  testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  the_platform.reset();
  return result;
}
