// SPDX-License-Identifier: Apache-2.0
// Taps: Ethernet interfaces whose frames a process reads and writes
// (Documentation/networking/tuntap.rst of the kernel).
#pragma once
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

// A tap in the calling thread's network namespace, down, gone with the last descriptor. Frames
// carry a virtio_net header of 10 bytes; checksums and segmentation may be left to the reader.
// Non-blocking.
Result<Fd> make_tap(const std::string& name, int index);

}  // namespace vireo
