// SPDX-License-Identifier: Apache-2.0
#include "image/image_store.h"

#include <gtest/gtest.h>

#include "image/image_store_fixture.h"

namespace vireo {
namespace {

using ImageStoreTest = test::ImageStoreFixture;

std::string two_users() { return "root:x:0:0::/:\nweb:x:33:34::/:\n"; }

TEST_F(ImageStoreTest, takes_what_docker_saves) {
  std::string lower = test::tar({test::directory("etc/"),
                                 {"etc/passwd", two_users(), S_IFREG | 0600},
                                 {"run", "#!", S_IFREG | 04755, "", "", 1000}});
  std::string upper = test::tar({{"etc/group", "web:x:34:\nextra:x:40:a,web\n"}});
  auto image = import(test::tar(test::docker_save({"web:1", {lower, upper}})));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->reference, "web:1");
  EXPECT_EQ(image->entry_point, std::vector<std::string>{"/run"});
  EXPECT_EQ(image->environment, std::vector<std::string>{"A=b"});
  ASSERT_EQ(image->layers.size(), 2u);
  EXPECT_EQ(read(image->layers[0] + "/etc/passwd"), two_users());
  struct stat status {};
  ASSERT_EQ(::stat((image->layers[0] + "/run").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 04755u);
  EXPECT_EQ(status.st_uid, 1000u);
  EXPECT_EQ(status.st_mtime, 1'000'000'000);
  EXPECT_EQ(image->unpacked_size, two_users().size() + 2 + 27);
  EXPECT_GT(image->size, lower.size() + upper.size());
  auto user = ImageStore::find_user(*image);
  ASSERT_TRUE(user) << user.error().message;
  EXPECT_EQ(user->uid, 33u);
  EXPECT_EQ(user->gid, 34u);
  EXPECT_EQ(user->groups, std::vector<uint32_t>{40});
}

TEST_F(ImageStoreTest, builds_the_same_function_twice) {
  const std::string type =
      R"({"name":"firewall","role":"transparent","ports":"packet","fewest_ports":2,"most_ports":2,"abi":1,"state_version":0,"config_size":0,"config":[],"counters":[]})";
  auto a = store_->build_function("vireo/a", VIREO_UNPACK, type);
  ASSERT_TRUE(a) << a.error().message;
  auto b = store_->build_function("vireo/b", VIREO_UNPACK, type);
  ASSERT_TRUE(b) << b.error().message;
  EXPECT_EQ(a->digest, b->digest);
  EXPECT_EQ(a->reference, "vireo/a:latest");
  ASSERT_TRUE(a->function);
  EXPECT_EQ(a->function->name, "firewall");
  EXPECT_EQ(read(a->layers[0] + "/function"), read(VIREO_UNPACK));
  EXPECT_TRUE(exists(a->layers[0] + "/proc"));
  EXPECT_TRUE(exists(a->layers[0] + "/etc/resolv.conf"));
  EXPECT_EQ(a->user, "65532:65532");
}

}  // namespace
}  // namespace vireo
