// SPDX-License-Identifier: Apache-2.0
// Runs vireo-unpack: decompressing, hashing and unpacking one layer, each in its own process. This
// side hashes what passes between the two, so that a captured unpacker cannot lie about a diff id.
#pragma once
#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "image/unpack.h"

namespace vireo {

enum class Compression { none, gzip, zstd };

// By the first bytes; leaves the file at its start.
Result<Compression> compression_of(const Fd& file);

struct UnpackedLayer {
  std::string diff_id;  // digest of the uncompressed stream
  uint64_t stream_size = 0;
};

// Immutable and thread-safe.
class Unpacker {
 public:
  using Progress = std::function<void(uint64_t bytes)>;  // uncompressed, so far

  Unpacker(std::string program, UnpackLimits limits)
      : program_(std::move(program)), limits_(limits) {}

  // Unpacks the tar stream (plain, gzip or zstd) in `blob` below `directory`, whose own attributes
  // it may change. After an error the directory's content is undefined.
  Result<UnpackedLayer> unpack(const Fd& blob, const Fd& directory, const Progress& progress) const;
  // The same without unpacking: reads and hashes only.
  Result<UnpackedLayer> measure(const Fd& blob) const;

 private:
  using Take = std::function<Result<void>(std::string_view)>;
  Result<UnpackedLayer> stream(const Fd& blob, const Take& take) const;
  Result<void> read_uncompressed(const Fd& blob, const Take& take) const;

  std::string program_;
  UnpackLimits limits_;
};

}  // namespace vireo
