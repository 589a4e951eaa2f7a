// SPDX-License-Identifier: Apache-2.0
// Fills a Staging with an image from one of the forms that it may come in.
#pragma once
#include <functional>
#include <string>

#include "image/foreign_image.h"
#include "image/image_store.h"
#include "image/staging.h"

namespace vireo {

struct Staged {
  std::string digest;  // of the manifest
  std::string name;    // as the source calls it, may be empty
};

using ReportProgress = std::function<void(const ImportProgress&)>;

// Checks and takes the blobs of `image`, which lie below `tree`.
Result<Staged> stage_foreign(Staging& staging, const Fd& tree, const ForeignImage& image,
                             const ReportProgress& report);
// Any archive that ImageStore::import() takes.
Result<Staged> stage_archive(Staging& staging, const Fd& archive, const std::string& wanted,
                             const std::string& settings_json, const ReportProgress& report);
// One layer, its bytes given, with settings in the OCI config's form.
Result<Staged> stage_layer(Staging& staging, std::string_view layer,
                           const std::string& settings_json);

}  // namespace vireo
