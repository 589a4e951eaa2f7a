// SPDX-License-Identifier: Apache-2.0
// Makes one entry after the other of a layer inside its TargetRoot.
#pragma once
#include <archive.h>
#include <archive_entry.h>

#include <set>
#include <string>

#include "image/target_root.h"
#include "image/unpack.h"

namespace vireo {

class LayerWriter {
 public:
  LayerWriter(int directory, const UnpackLimits& limits)
      : root_(directory, limits.path), limits_(limits) {}

  Result<void> add(archive* stream, archive_entry* entry);
  // Gives directories their times, which their content has changed.
  Result<UnpackReport> finish();

 private:
  struct DirectoryTime {
    std::string path;
    timespec modified;
  };

  Result<void> add_whiteout(const Place& place);
  Result<void> add_file(archive* stream, archive_entry* entry, const Place& place);
  Result<void> add_directory(archive_entry* entry, const Place& place);
  Result<void> add_symbolic_link(archive_entry* entry, const Place& place);
  Result<void> add_hard_link(const std::string& target, const std::string& name);
  Result<void> add_fifo(archive_entry* entry, const Place& place);
  Result<void> copy_content(archive* stream, int file);
  Result<void> count(int64_t bytes);

  TargetRoot root_;
  UnpackLimits limits_;
  UnpackReport report_;
  std::set<std::string> opaque_;
  std::vector<DirectoryTime> directories_;
};

}  // namespace vireo
