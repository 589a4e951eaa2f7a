// SPDX-License-Identifier: Apache-2.0
// A store in a folder of its own, and a look at everything that lies in it.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/rollback.h"
#include "host/files.h"
#include "image/image_store.h"
#include "image/test_archive.h"
#include "image/tree.h"

namespace vireo::test {

class ImageStoreFixture : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TemporaryDirectory::make("image");
    ASSERT_TRUE(made);
    directory_.emplace(std::move(*made));
    open({});
  }
  void open(const UnpackLimits& limits) {
    store_.reset();
    auto opened = ImageStore::open(directory_->path() + "/store", VIREO_UNPACK, limits);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  Result<Image> import(const std::string& bytes, const std::string& name = "",
                       const std::string& settings = "") {
    return store_->import(as_file(bytes), name, settings, {});
  }
  // Must fail so, and leave all as it was.
  void refuse(const std::string& bytes, const std::string& what, const std::string& name, Errc code,
              const std::string& says) {
    std::vector<std::string> before = listing();
    auto image = import(bytes, name);
    ASSERT_FALSE(image) << what;
    EXPECT_EQ(to_string(image.error().code), to_string(code)) << image.error().message;
    EXPECT_NE(image.error().message.find(says), std::string::npos)
        << what << ": " << image.error().message;
    EXPECT_EQ(listing(), before) << what;
  }
  // Every path with the size of files.
  std::vector<std::string> listing() const {
    std::vector<std::string> paths;
    std::filesystem::recursive_directory_iterator files(directory_->path());
    for (const auto& entry : files) {
      auto size = entry.is_regular_file() ? entry.file_size() : 0;
      paths.push_back(fmt::format("{} {}", entry.path().string(), size));
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  static std::string read(const std::string& path) { return read_file(path).value_or("(absent)"); }

  std::optional<TemporaryDirectory> directory_;
  std::unique_ptr<ImageStore> store_;
};

}  // namespace vireo::test
