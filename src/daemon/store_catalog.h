// SPDX-License-Identifier: Apache-2.0
// The image store as control needs it.
#pragma once
#include "control/image_catalog.h"
#include "image/image_store.h"

namespace vireo {

class StoreCatalog final : public ImageCatalog {
 public:
  explicit StoreCatalog(ImageStore& images) : images_(images) {}
  Result<Image> get(const std::string& reference) override { return images_.get(reference); }
  Result<UserIds> find_user(const Image& image) override { return ImageStore::find_user(image); }
  std::vector<std::string> names() override { return names_of(images_); }

 private:
  ImageStore& images_;
};

}  // namespace vireo
