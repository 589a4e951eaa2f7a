// SPDX-License-Identifier: Apache-2.0
// The law of Driver (driver/driver.h), for every implementation: instantiate with a factory of
// benches. A bench is one host with one image; its driver object can be closed and opened again,
// as a restarted daemon does.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "driver/driver.h"

namespace vireo {

class DriverBench {
 public:
  virtual ~DriverBench() = default;
  virtual Driver& driver() = 0;
  virtual void reopen() = 0;
  virtual std::string technology() = 0;
  // Whether a program can ignore that it is asked to end.
  virtual bool can_be_stubborn() { return true; }
  // An instance whose program does as `words` say: "sleep", "stubborn", "busy" (it
  // computes for ever), "exit:N".
  virtual InstanceSpec spec(const InstanceId& id, std::vector<std::string> words) = 0;
  // One that cannot be started.
  virtual InstanceSpec broken(const InstanceId& id) = 0;
  // What exists of instances: lines that are compared before and after ("process 12", "cgroup x").
  virtual std::vector<std::string> census() = 0;
};

struct DriverBenchFactory {
  std::string name;
  // nullptr with the reason in `skip`: this host cannot.
  std::function<std::unique_ptr<DriverBench>(std::string& skip)> make;
};
inline std::ostream& operator<<(std::ostream& out, const DriverBenchFactory& factory) {
  return out << factory.name;
}

class DriverContract : public ::testing::TestWithParam<DriverBenchFactory> {
 protected:
  void SetUp() override;
  void TearDown() override;
  Driver& driver() { return bench_->driver(); }

  // A prepared and started instance.
  void run(const InstanceSpec& spec);
  Result<void> try_to_run(const InstanceSpec& spec, std::vector<Phase>* phases = nullptr);
  // The next event of `id` within 20 s; what else arrives is dropped.
  DriverEvent wait_for(const InstanceId& id, DriverEvent::Kind kind);
  std::vector<InstanceStatus> all();
  uint64_t processor_time(const InstanceId& id);
  void wait_until_it_computes(const InstanceId& id);
  void wait_until_it_rests(const InstanceId& id);
  const InstanceStatus* find(const std::vector<InstanceStatus>& list, const InstanceId& id);

  std::unique_ptr<DriverBench> bench_;
  std::vector<std::string> before_;
};

}  // namespace vireo
