// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "contract/driver_contract.h"
#include "driver/fake/fake_driver.h"

namespace vireo {
namespace {

class FakeBench final : public DriverBench {
 public:
  FakeBench() { reopen(); }
  Driver& driver() override { return *driver_; }
  void reopen() override {
    driver_.reset();
    auto opened = FakeDriver::open(host_);
    if (opened) driver_ = std::move(*opened);
  }
  std::string technology() override { return "container"; }
  InstanceSpec spec(const InstanceId& id, std::vector<std::string> words) override {
    InstanceSpec spec;
    spec.id = id;
    spec.technology = "container";
    spec.process.arguments = {"/probe"};
    spec.process.arguments.insert(spec.process.arguments.end(), words.begin(), words.end());
    return spec;
  }
  InstanceSpec broken(const InstanceId& id) override { return spec(id, {"fail"}); }
  std::vector<std::string> census() override {
    return {fmt::format("{} shells, {} instances", host_->shells(), host_->instances())};
  }
  FakeHost& host() { return *host_; }

 private:
  std::shared_ptr<FakeHost> host_ = std::make_shared<FakeHost>();
  std::unique_ptr<FakeDriver> driver_;
};

INSTANTIATE_TEST_SUITE_P(Driver, DriverContract,
                         ::testing::Values(DriverBenchFactory{
                             "fake", [](std::string&) { return std::make_unique<FakeBench>(); }}),
                         [](const auto& each) { return each.param.name; });

TEST(FakeDriver, fails_as_often_as_told) {
  FakeBench bench;
  bench.host().fail_starts(1);
  for (bool good : {false, true}) {
    auto shell = bench.driver().prepare({bench.technology(), true});
    ASSERT_TRUE(shell);
    EXPECT_EQ(bench.driver().start(shell->id, bench.spec("a", {"sleep"}), {}, nullptr).has_value(),
              good);
  }
  EXPECT_EQ(bench.host().starts(), 1u);
}

}  // namespace
}  // namespace vireo
