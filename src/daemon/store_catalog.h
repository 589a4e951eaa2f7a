// SPDX-License-Identifier: Apache-2.0
// The image store as control needs it.
#pragma once
#include <map>

#include "control/image_catalog.h"
#include "image/image_store.h"

namespace vireo {

class StoreCatalog final : public ImageCatalog {
 public:
  explicit StoreCatalog(ImageStore& images) : images_(images) {}
  Result<Image> get(const std::string& reference) override { return images_.get(reference); }
  // A digest stands for its content: what was found once stays true.
  Result<UserIds> find_user(const Image& image) override {
    auto known = users_.find(image.digest);
    if (known != users_.end()) return known->second;
    UserIds user = TRY(ImageStore::find_user(image));
    return users_[image.digest] = user;
  }
  std::vector<std::string> names() override { return names_of(images_); }

 private:
  ImageStore& images_;
  std::map<std::string, UserIds> users_;
};

}  // namespace vireo
