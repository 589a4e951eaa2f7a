// SPDX-License-Identifier: Apache-2.0
// Where the image store keeps what, and its records of references:
//   blobs/sha256/HEX        manifests, configs and layers as they came
//   layers/HEX/             unpacked layers by diff id
//   references/NAME.json    names of images; replaced as a whole
//   tmp/                    work in progress; emptied by open()
#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "image/image_json.h"

namespace vireo {

struct ReferenceRecord {
  std::string reference;  // the digest itself when the image has lost its name to another
  std::string digest;     // of the manifest
  WallTime imported;
  uint64_t unpacked_size = 0;
};

// Paths and small files; the callers lock.
class StoreFolder {
 public:
  static Result<StoreFolder> open(const std::string& directory);

  std::string blob_path(const std::string& digest) const;
  std::string layer_path(const std::string& diff_id) const;
  Result<std::string> make_temporary() const;  // a new folder below tmp/

  Result<std::vector<ReferenceRecord>> records() const;  // by reference
  Result<void> write_record(const ReferenceRecord& record) const;
  Result<void> erase_record(const std::string& reference) const;

  Result<ImageManifest> manifest(const std::string& digest) const;
  Result<ImageConfig> config(const ImageManifest& manifest) const;
  // Deletes blobs and layers that no record reaches.
  Result<void> collect_garbage() const;
  // Makes the names below blobs/ and layers/ durable.
  Result<void> sync_directories() const;

 private:
  explicit StoreFolder(std::string root) : root_(std::move(root)) {}
  std::string record_path(const std::string& reference) const;
  Result<void> delete_unused(const std::string& folder, const std::vector<std::string>& used) const;

  std::string root_;
};

}  // namespace vireo
