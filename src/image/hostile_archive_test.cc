// SPDX-License-Identifier: Apache-2.0
// What is refused: by name, and with nothing left behind.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "image/image_store_fixture.h"

namespace vireo {
namespace {

using test::Entry;
using test::Filter;

class HostileArchive : public test::ImageStoreFixture {
 protected:
  void refuse_root(const std::vector<Entry>& entries, Errc code, const std::string& says) {
    refuse(test::tar(entries), "as a plain root", "bad", code, says);
    refuse(test::tar(test::docker_save({"bad:1", {test::tar(entries)}})), "as a layer", "", code,
           says);
  }
};

TEST_F(HostileArchive, names_that_climb_out) {
  refuse_root({{"ok", "1"}, {"a/../../evil", "x"}}, Errc::denied, "`a/../../evil`");
  refuse_root({{"/evil", "x"}}, Errc::denied, "`/evil`");
  refuse_root({{"..", "x"}}, Errc::denied, "climbs");
}

TEST_F(HostileArchive, links_that_climb_out) {
  std::string outside = directory_->path();
  refuse_root({test::symbolic_link("up", "../../.."), {"up/evil", "x"}}, Errc::denied,
              "`up/evil`: a link in its name climbs out");
  refuse_root({test::symbolic_link("abs", "/.." + outside), {"abs/evil", "x"}}, Errc::denied,
              "`abs/evil`");
  refuse_root({test::hard_link("stolen", "../../../etc/passwd")}, Errc::denied, "`stolen`");
  refuse_root({test::hard_link("stolen", "/etc/passwd")}, Errc::denied, "`stolen`");
  refuse_root({test::symbolic_link("up", ".."), test::hard_link("stolen", "up/x")}, Errc::denied,
              "`stolen`");
  refuse_root({test::symbolic_link("a", "b"), test::symbolic_link("b", "a"), {"a/x", ""}},
              Errc::denied, "circle");
  EXPECT_FALSE(exists(outside + "/evil"));
}

TEST_F(HostileArchive, a_file_written_through_a_link_replaces_the_link) {
  std::string victim = directory_->path() + "/victim";
  ASSERT_TRUE(replace_file(victim, "untouched"));
  auto image = import(test::tar({test::symbolic_link("x", victim), {"x", "mine"}}), "replaced");
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(read(victim), "untouched");
  EXPECT_EQ(read(image->layers[0] + "/x"), "mine");
}

TEST_F(HostileArchive, devices) {
  refuse_root({{"dev/mem", "", S_IFCHR | 0600}}, Errc::denied, "`dev/mem`: it is a character");
  refuse_root({{"disk", "", S_IFBLK | 0600}}, Errc::denied, "`disk`: it is a block device");
}

TEST_F(HostileArchive, whiteouts_of_nothing) {
  refuse_root({{"a/.wh.", ""}}, Errc::denied, "`a/.wh.`");
  refuse_root({{"a/.wh...", ""}}, Errc::denied, "`a/.wh...`");
}

TEST_F(HostileArchive, a_bomb) {
  open({.entries = 100, .bytes = 1u << 20, .path = 100});
  std::string zeros(8u << 20, '\0');
  refuse(test::tar({{"bomb", zeros}}, Filter::gzip), "gzip", "bad", Errc::exhausted, "1048576");
  refuse(test::tar({{"bomb", zeros}}, Filter::zstd), "zstd", "bad", Errc::exhausted, "1048576");
  std::vector<Entry> many;
  for (int i = 0; i < 101; i++) many.push_back({fmt::format("f{}", i), ""});
  refuse(test::tar(many), "entries", "bad", Errc::exhausted, "more than 100 entries");
  refuse(test::tar({{std::string(101, 'x'), ""}}), "path", "bad", Errc::exhausted, "longer than");
}

TEST_F(HostileArchive, a_truncated_stream) {
  std::string content;
  for (int i = 0; i < 40'000; i++) content += std::to_string(i * 7919);
  std::string whole = test::tar({{"big", content}}, Filter::gzip);
  refuse(whole.substr(0, whole.size() / 2), "gzip", "bad", Errc::corrupt, "");
  whole = test::tar({{"big", content}});
  refuse(whole.substr(0, 40'000), "tar", "bad", Errc::corrupt, "big");
  refuse("no archive at all, only words", "text", "bad", Errc::corrupt, "");
}

TEST_F(HostileArchive, a_wrong_diff_id) {
  test::DockerSave image;
  image.layers = {test::tar({{"file", "1"}})};
  image.diff_ids = {"sha256:" + std::string(64, 'a')};
  refuse(test::tar(test::docker_save(image)), "diff id", "", Errc::corrupt,
         "expected sha256:aaaaaaaa");
}

TEST_F(HostileArchive, a_wrong_digest_of_any_blob) {
  test::Layout image;
  image.streams = {test::tar({{"file", "1"}})};
  image.layers = {test::tar({{"file", "1"}}, Filter::gzip)};
  std::vector<Entry> files = test::layout(image);
  for (Entry& file : files) {
    if (!file.name.starts_with("blobs/")) continue;
    std::string kept = file.content;
    file.content.back() ^= 1;
    refuse(test::tar(files), file.name, "", Errc::corrupt, file.name.substr(13));
    file.content = kept + " ";
    refuse(test::tar(files), file.name, "", Errc::corrupt, file.name.substr(13));
    file.content = kept;
  }
  EXPECT_TRUE(import(test::tar(files)));
}

TEST_F(HostileArchive, parts_of_the_outer_archive_that_are_links_or_missing) {
  auto files = test::docker_save({"web:1", {test::tar({{"file", "1"}})}});
  for (Entry& file : files)
    if (file.name == "layer0/layer.tar") file = test::symbolic_link(file.name, "/etc/passwd");
  refuse(test::tar(files), "link", "", Errc::not_found, "layer0/layer.tar");
}

TEST_F(HostileArchive, another_platform) {
  auto files = test::docker_save({"web:1", {test::tar({{"file", "1"}})}});
  for (Entry& file : files) {
    size_t at = file.content.find("amd64");
    if (at != std::string::npos) file.content.replace(at, 5, "riscv");
    if (file.name.size() == 69) file.name = "config.json";
    size_t name = file.content.find("\"Config\":\"");
    if (name != std::string::npos) file.content.replace(name + 10, 69, "config.json");
  }
  refuse(test::tar(files), "platform", "", Errc::unsupported, "linux/riscv");
}

}  // namespace
}  // namespace vireo
