// SPDX-License-Identifier: Apache-2.0
// Looks at running instances from outside. The daemon implements it, since control makes no system
// call; tests fake it.
#pragma once
#include <functional>

#include "base/fd.h"
#include "base/result.h"
#include "model/instance.h"
#include "model/service.h"
#include "vnf/abi.h"

namespace vireo {

class InstanceProbe {
 public:
  virtual ~InstanceProbe() = default;
  // A copy of the vitals page behind `page` (FunctionAccess::vitals). Called once an interval for
  // each instance, must not block. The content is not trusted: control bounds it.
  virtual Result<vnf::Vitals> read_vitals(const Fd& page) = 0;
  // Starts one tcp, http or exec check inside the instance's own network; never heartbeat. `done`
  // is called later, once, on the control thread, at the latest when check.timeout is over.
  virtual void check(const InstanceId& id, const HealthCheck& check,
                     std::function<void(Result<void>)> done) = 0;
};

}  // namespace vireo
