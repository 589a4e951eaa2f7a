// SPDX-License-Identifier: Apache-2.0
// What control needs of the images: the daemon adapts the image store to it, tests fake it.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "image/image_store.h"

namespace vireo {

class ImageCatalog {
 public:
  virtual ~ImageCatalog() = default;
  virtual Result<Image> get(const std::string& reference) = 0;  // by name or digest; else not_found
  virtual Result<UserIds> find_user(const Image& image) = 0;
  virtual std::vector<std::string> names() = 0;  // of all, as a user writes them
};

}  // namespace vireo
