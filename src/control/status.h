// SPDX-License-Identifier: Apache-2.0
// What control holds, as its users see it. Pure.
#pragma once
#include "control/control.h"
#include "control/world.h"

namespace vireo {

ServiceStatus status_of(const ServiceEntry& service);
FunctionStatus status_of(const ServiceEntry& service, const std::string& function);

}  // namespace vireo
