// SPDX-License-Identifier: Apache-2.0
// Why an instance has ended, for people.
#pragma once
#include <optional>
#include <string>

#include "control/instance_probe.h"
#include "driver/driver.h"

namespace vireo {

// What a function that says it has failed gives as its reason. Whatever the page holds, the text is
// printable and no longer than the page has room for. Nothing: it does not say so.
std::optional<std::string> reported_failure(const vnf::Vitals& vitals);

// "exit code 1: it cannot work with this configuration": with the function's own words, if it ended
// by itself and the driver still has its page. Of one that was killed nothing is read: it is to be
// healed first.
std::string end_text(const ExitReason& exit, const InstanceId& id, Driver& driver,
                     InstanceProbe& probe);

}  // namespace vireo
