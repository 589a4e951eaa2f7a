// SPDX-License-Identifier: Apache-2.0
// The forms that images come in, names, replacement, removal.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include <thread>

#include "image/image_store_fixture.h"

namespace vireo {
namespace {

using test::DockerSave;
using test::Filter;
using ImageForms = test::ImageStoreFixture;

std::string one_file(const std::string& content) { return test::tar({{"file", content}}); }

test::Layout simple_layout(Filter filter) {
  test::Layout layout;
  layout.streams = {one_file("oci"), test::tar({{"second", "2"}})};
  layout.layers = {test::tar({{"file", "oci"}}, filter), test::tar({{"second", "2"}}, filter)};
  return layout;
}

TEST_F(ImageForms, oci_archives_in_every_compression) {
  for (Filter inner : {Filter::none, Filter::gzip, Filter::zstd}) {
    auto image = import(test::tar(test::layout(simple_layout(inner)), inner));
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->reference, "web:2");
    EXPECT_EQ(image->command, std::vector<std::string>{"/run"});
    ASSERT_EQ(image->layers.size(), 2u);
    EXPECT_EQ(read(image->layers[0] + "/file"), "oci");
    EXPECT_EQ(read(image->layers[1] + "/second"), "2");
  }
}

TEST_F(ImageForms, an_oci_layout_folder) {
  std::string folder = directory_->path() + "/layout";
  for (const test::Entry& file : test::layout(simple_layout(Filter::gzip))) {
    ASSERT_TRUE(make_directories(folder + "/blobs/sha256"));
    ASSERT_TRUE(replace_file(folder + "/" + file.name, file.content));
  }
  auto image = store_->import_layout(folder, "named/here");
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->reference, "named/here:latest");
  EXPECT_EQ(read(image->layers[0] + "/file"), "oci");
  EXPECT_FALSE(store_->import_layout(directory_->path(), "x"));
}

TEST_F(ImageForms, a_plain_root_with_settings_of_its_own_or_given) {
  std::string root = test::tar({{"bin/run", "#!"},
                                {"manifest.json", "[]"},
                                {".vireo-settings.json", R"({"Entrypoint":["/bin/run","own"]})"}},
                               Filter::gzip);
  auto own = import(root, "plain");
  ASSERT_TRUE(own) << own.error().message;
  EXPECT_EQ(own->entry_point, (std::vector<std::string>{"/bin/run", "own"}));
  EXPECT_FALSE(exists(own->layers[0] + "/.vireo-settings.json"));
  auto given = import(root, "plain2", R"({"Entrypoint":["/x"],"ExposedPorts":{"80/tcp":{}}})");
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(given->entry_point, std::vector<std::string>{"/x"});
  EXPECT_EQ(given->exposed_ports, std::vector<std::string>{"80/tcp"});
  refuse(root, "needs a name", "", Errc::invalid, "give a name");
  auto unknown = import(root, "plain3", R"({"EntryPoint":["/x"]})");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("did you mean `Entrypoint`"), std::string::npos);
}

TEST_F(ImageForms, an_archive_from_a_pipe) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  std::string bytes = test::tar(test::docker_save({"web:1", {one_file("piped")}}));
  std::thread writer([&, to = ends[1]] { EXPECT_TRUE(write_all(Fd(to), bytes)); });
  Fd from(ends[0]);
  auto image = store_->import(from, "", "", {});
  writer.join();
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(read(image->layers[0] + "/file"), "piped");
}

TEST_F(ImageForms, whiteouts_hide_when_the_layers_are_joined) {
  std::string lower = test::tar({test::directory("kept/"),
                                 {"kept/a", "1"},
                                 {"kept/b", "2"},
                                 test::directory("closed/"),
                                 {"closed/old", "3"}});
  std::string upper = test::tar({test::directory("kept/"),
                                 {"kept/.wh.a", ""},
                                 test::directory("closed/"),
                                 {"closed/.wh..wh..opq", ""},
                                 {"closed/new", "4"}});
  auto image = import(test::tar(test::docker_save({"web:1", {lower, upper}})));
  ASSERT_TRUE(image) << image.error().message;
  std::string joined = directory_->path() + "/joined";
  ASSERT_TRUE(make_directories(joined));
  std::string options = fmt::format("lowerdir={}:{}", image->layers[1], image->layers[0]);
  ASSERT_EQ(::mount("overlay", joined.c_str(), "overlay", MS_RDONLY, options.c_str()), 0);
  Rollback undo([&] { ::umount2(joined.c_str(), MNT_DETACH); });
  EXPECT_EQ(list_directory(joined + "/kept").value_or({}), std::vector<std::string>{"b"});
  EXPECT_EQ(list_directory(joined + "/closed").value_or({}), std::vector<std::string>{"new"});
}

TEST_F(ImageForms, links_of_the_layer_itself_are_followed_inside) {
  auto image = import(test::tar({test::directory("usr/"),
                                 test::directory("usr/bin/"),
                                 test::symbolic_link("bin", "usr/bin"),
                                 {"bin/run", "in usr"},
                                 test::symbolic_link("absolute", "/usr"),
                                 {"absolute/x", "y"},
                                 test::hard_link("same", "bin/run")}),
                      "links");
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(read(image->layers[0] + "/usr/bin/run"), "in usr");
  EXPECT_EQ(read(image->layers[0] + "/usr/x"), "y");
  EXPECT_EQ(read(image->layers[0] + "/same"), "in usr");
}

TEST_F(ImageForms, removal_keeps_what_others_use) {
  std::string shared = one_file("shared");
  auto a = import(test::tar(test::docker_save({"a:1", {shared, one_file("a")}})));
  auto b = import(test::tar(test::docker_save({"b:1", {shared, one_file("b")}})));
  ASSERT_TRUE(a && b);
  ASSERT_TRUE(store_->remove("a:1"));
  EXPECT_FALSE(store_->get("a:1"));
  EXPECT_FALSE(exists(a->layers[1]));
  EXPECT_EQ(read(b->layers[0] + "/file"), "shared");
  ASSERT_TRUE(store_->remove(b->digest.substr(7, 12)));
  EXPECT_EQ(store_->remove("b:1").error().code, Errc::not_found);
  EXPECT_TRUE(list_directory(directory_->path() + "/store/layers").value_or({"?"}).empty());
  EXPECT_TRUE(list_directory(directory_->path() + "/store/blobs/sha256").value_or({"?"}).empty());
}

TEST_F(ImageForms, an_image_that_lost_its_name_stays_until_removed) {
  auto old = import(test::tar(test::docker_save({"a:1", {one_file("old")}})));
  auto now = import(test::tar(test::docker_save({"a:1", {one_file("new")}})));
  ASSERT_TRUE(old && now);
  EXPECT_EQ(store_->get("a:1")->digest, now->digest);
  EXPECT_EQ(read(store_->get(old->digest)->layers[0] + "/file"), "old");
  EXPECT_EQ(store_->list()->size(), 2u);
  ASSERT_TRUE(store_->remove(old->digest));
  EXPECT_EQ(store_->list()->size(), 1u);
}

TEST_F(ImageForms, the_same_import_twice_at_once) {
  std::string bytes = test::tar(test::docker_save({"a:1", {one_file("x"), one_file("y")}}));
  std::string digests[2];
  std::vector<std::thread> threads;
  for (std::string& digest : digests)
    threads.emplace_back([&] {
      auto image = import(bytes);
      digest = image ? image->digest : image.error().message;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_TRUE(store_->get("a:1"));
  EXPECT_TRUE(list_directory(directory_->path() + "/store/tmp").value_or({"?"}).empty());
}

TEST_F(ImageForms, opening_sweeps_what_a_crash_left) {
  ASSERT_TRUE(make_directories(directory_->path() + "/store/tmp/abc/layers"));
  open({});
  EXPECT_TRUE(list_directory(directory_->path() + "/store/tmp").value_or({"?"}).empty());
}

TEST(Reference, names_as_given_with_a_tag) {
  EXPECT_EQ(normalise_reference("nginx").value_or(""), "nginx:latest");
  EXPECT_EQ(normalise_reference("localhost:5000/a/b:1.2-X").value_or(""),
            "localhost:5000/a/b:1.2-X");
  for (const char* bad :
       {"", "a b", "../x", "a//b", "A", "a:", "a:-x", "a/../b", "a@sha256:12", "x:1/..%2F"})
    EXPECT_FALSE(normalise_reference(bad)) << bad;
}

}  // namespace
}  // namespace vireo
