// SPDX-License-Identifier: Apache-2.0
// Turns the tar stream of an image layer into files. The bytes are hostile: vireo-unpack
// (unpack_main.cc) runs this in a sandbox, never the daemon.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vireo {

struct UnpackLimits {
  uint64_t entries = 2'000'000;
  uint64_t bytes = 32ull << 30;  // of the uncompressed stream, and of all files together
  uint32_t path = 4095;          // bytes of one name (PATH_MAX without its zero)
};

struct UnpackReport {
  uint64_t entries = 0;
  uint64_t bytes = 0;               // of regular files
  std::vector<std::string> opaque;  // directories that hide those of lower layers
};

// Unpacks the uncompressed tar stream `archive` below `directory`, to the stream's last byte.
// Owners, modes (setuid too) and times are kept, extended attributes are not. Whiteouts (OCI
// image-spec, layer.md) become character devices 0/0, as overlayfs takes them; opaque directories
// are only reported, as marking them needs a right that this code has not.
// An entry that climbs out, a device or an unknown kind: Errc::denied, named; a limit:
// Errc::exhausted; a damaged stream: Errc::corrupt. What was made until then stays.
Result<UnpackReport> unpack(int archive, int directory, const UnpackLimits& limits);

// Copies the gzip or zstd stream `from` to `to` uncompressed.
Result<void> inflate(int from, int to);

// How vireo-unpack tells its parent the outcome: text parts with a zero byte behind each.
std::string report_text(const Result<UnpackReport>& report);
Result<UnpackReport> parse_report(std::string_view text);  // checks everything: do not trust it

}  // namespace vireo
