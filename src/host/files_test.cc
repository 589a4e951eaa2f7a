// SPDX-License-Identifier: Apache-2.0
#include "host/files.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <filesystem>

namespace vireo {
namespace {

TEST(Files, replace_and_read_back) {
  auto directory = *TemporaryDirectory::make("vireo-files");
  std::string path = directory.path() + "/a/b";
  ASSERT_TRUE(make_directories(directory.path() + "/a"));
  ASSERT_TRUE(replace_file(path, "one"));
  ASSERT_TRUE(replace_file(path, "two"));
  EXPECT_EQ(*read_file(path), "two");
  EXPECT_EQ(read_file(path, 2).error().code, Errc::exhausted);
  EXPECT_EQ(*list_directory(directory.path() + "/a"), std::vector<std::string>{"b"});
}

TEST(Files, a_temporary_directory_goes_with_its_content) {
  std::string path;
  {
    auto directory = *TemporaryDirectory::make("vireo-files");
    path = directory.path();
    ASSERT_TRUE(replace_file(path + "/x", "x"));
  }
  EXPECT_FALSE(exists(path));
}

TEST(Files, sealed_memory_cannot_be_changed) {
  Fd fd = *sealed_memory("test", "content");
  EXPECT_LT(::write(fd.get(), "x", 1), 0);
  EXPECT_NE(::ftruncate(fd.get(), 1), 0);
  EXPECT_EQ(mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, fd.get(), 0), MAP_FAILED);
}

TEST(Files, the_own_program_is_in_the_own_folder) {
  EXPECT_EQ(own_program(), std::filesystem::canonical("/proc/self/exe"));
  EXPECT_EQ(own_folder(), std::filesystem::canonical("/proc/self/exe").parent_path());
}

TEST(Files, a_missing_file_is_named) {
  EXPECT_EQ(read_file("/nonexistent/x").error().message,
            "cannot open /nonexistent/x: No such file or directory");
}

}  // namespace
}  // namespace vireo
