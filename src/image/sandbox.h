// SPDX-License-Identifier: Apache-2.0
// Takes every right away from the calling process but that of making files below one directory.
#pragma once
#include <cstdint>

#include "base/result.h"

namespace vireo {

// Enters a user, network and IPC namespace of its own in which ids mean what they mean outside,
// makes `directory` the root, keeps the capabilities to chown and chmod there, drops all others
// for good, sets resource limits and a system-call allow list (anything else ends the process).
// For a process with one thread, before it reads a hostile byte. With `directory` < 0 nothing can
// be opened or made at all: for a pure filter from one descriptor to another.
Result<void> enter_sandbox(int directory, uint64_t largest_file);

}  // namespace vireo
