// SPDX-License-Identifier: Apache-2.0
// Tells systemd that the daemon is ready (sd_notify(3)): one datagram to $NOTIFY_SOCKET.
#pragma once
#include <string>

#include "base/result.h"

namespace vireo {

// No NOTIFY_SOCKET in the environment: success, nothing done.
Result<void> notify_service_manager(const std::string& state);

}  // namespace vireo
