// SPDX-License-Identifier: Apache-2.0
// Health checks from outside: reads vitals pages, and runs tcp, http and exec checks inside an
// instance's own network namespace on a thread of their own each.
#pragma once
#include <vector>

#include "api/exchange.h"
#include "control/instance_probe.h"
#include "driver/driver.h"

namespace vireo {

class HealthProbe final : public InstanceProbe {
 public:
  HealthProbe(Scheduler& scheduler, std::vector<Driver*> drivers)
      : scheduler_(scheduler), drivers_(std::move(drivers)) {}
  Result<vnf::Vitals> read_vitals(const Fd& page) override;
  // tcp and http connect to the instance's loopback address, IPv4 first, then IPv6.
  void check(const InstanceId& id, const HealthCheck& check,
             std::function<void(Result<void>)> done) override;

 private:
  Result<Fd> network_of(const InstanceId& id);
  Result<void> run_command(const InstanceId& id, const HealthCheck& check);

  Scheduler& scheduler_;
  std::vector<Driver*> drivers_;
};

}  // namespace vireo
