// SPDX-License-Identifier: Apache-2.0
// What a Prometheus server scrapes. Instances' names and units are cAdvisor's
// (google/cadvisor, docs/storage/prometheus.md); what is Vireo's alone starts with vireo_.
#pragma once
#include <string>
#include <vector>

#include "control/control.h"

namespace vireo {

// The text exposition format 0.0.4.
std::string metrics_text(const std::vector<ServiceStatus>& services,
                         const std::vector<PoolMetrics>& pools);

}  // namespace vireo
