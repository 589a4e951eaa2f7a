// SPDX-License-Identifier: Apache-2.0
// What an unpacked archive or layout folder says it holds, before any of its layers is touched.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "image/image_json.h"

namespace vireo {

struct LayerFile {
  std::string path;         // inside the archive
  BlobDescriptor expected;  // digest empty: not said
};

struct ForeignImage {
  std::string name;      // "" when the archive does not say
  std::string config;    // checked against its digest
  std::string manifest;  // checked; empty: to be made
  BlobDescriptor config_blob;
  std::vector<LayerFile> layers;
  std::vector<std::string> diff_ids;  // one for each layer
};

// Reads an OCI layout or the content of a `docker save` archive; nothing for a plain root file
// system. `wanted` picks one of several images by name.
Result<std::optional<ForeignImage>> describe_image(const Fd& tree, const std::string& wanted);

}  // namespace vireo
