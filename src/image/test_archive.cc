// SPDX-License-Identifier: Apache-2.0
#include "image/test_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "host/files.h"
#include "image/digest.h"

namespace vireo::test {

static la_ssize_t append(archive*, void* output, const void* bytes, size_t size) {
  static_cast<std::string*>(output)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

std::string tar(const std::vector<Entry>& entries, Filter filter) {
  std::string bytes;
  archive* writer = archive_write_new();
  archive_write_set_format_pax_restricted(writer);
  if (filter == Filter::gzip) archive_write_add_filter_gzip(writer);
  if (filter == Filter::zstd) archive_write_add_filter_zstd(writer);
  archive_write_set_bytes_in_last_block(writer, 1);  // the same stream with and without filter
  archive_write_open(writer, &bytes, nullptr, append, nullptr);
  for (const Entry& entry : entries) {
    archive_entry* header = archive_entry_new();
    archive_entry_set_pathname(header, entry.name.c_str());
    archive_entry_set_mode(header, entry.mode);
    archive_entry_set_uid(header, entry.owner);
    archive_entry_set_gid(header, entry.owner);
    archive_entry_set_mtime(header, 1'000'000'000, 0);
    archive_entry_set_size(header, static_cast<la_int64_t>(entry.content.size()));
    if (!entry.link.empty()) archive_entry_set_symlink(header, entry.link.c_str());
    if (!entry.hard_link.empty()) archive_entry_set_hardlink(header, entry.hard_link.c_str());
    if (S_ISCHR(entry.mode) || S_ISBLK(entry.mode)) archive_entry_set_rdev(header, 0x103);
    CHECK(archive_write_header(writer, header) == ARCHIVE_OK);
    archive_write_data(writer, entry.content.data(), entry.content.size());
    archive_entry_free(header);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  return bytes;
}

static std::string config(const std::string& settings, const std::vector<std::string>& diff_ids) {
  return fmt::format(
      R"({{"architecture":"amd64","os":"linux","config":{},"rootfs":{{"type":"layers",)"
      R"("diff_ids":["{}"]}}}})",
      settings, fmt::join(diff_ids, "\",\""));
}

std::vector<Entry> docker_save(const DockerSave& image) {
  std::vector<std::string> ids = image.diff_ids;
  std::vector<std::string> paths;
  std::vector<Entry> files;
  for (size_t i = 0; i < image.layers.size(); i++) {
    if (image.diff_ids.empty()) ids.push_back(digest_of(image.layers[i]));
    paths.push_back(fmt::format("layer{}/layer.tar", i));
    files.push_back(directory(fmt::format("layer{}/", i)));
    files.push_back({fmt::format("layer{}/VERSION", i), "1.0"});
    files.push_back({paths.back(), image.layers[i]});
  }
  std::string text = config(image.settings, ids);
  std::string name = digest_hex(digest_of(text)) + ".json";
  files.push_back({name, text});
  files.push_back(
      {"manifest.json", fmt::format(R"([{{"Config":"{}","RepoTags":["{}"],"Layers":["{}"]}}])",
                                    name, image.name, fmt::join(paths, "\",\""))});
  return files;
}

static std::string blob(const std::string& type, const std::string& bytes, std::vector<Entry>& to) {
  std::string digest = digest_of(bytes);
  to.push_back({"blobs/sha256/" + digest_hex(digest), bytes});
  return fmt::format(R"("mediaType":"{}","digest":"{}","size":{})", type, digest, bytes.size());
}

std::vector<Entry> layout(const Layout& image) {
  std::vector<Entry> files{{"oci-layout", R"({"imageLayoutVersion":"1.0.0"})"}};
  const std::string oci = "application/vnd.oci.image.";
  std::vector<std::string> ids;
  std::vector<std::string> layers;
  for (const std::string& stream : image.streams) ids.push_back(digest_of(stream));
  for (const std::string& layer : image.layers)
    layers.push_back("{" + blob(oci + "layer.v1.tar+gzip", layer, files) + "}");
  std::string settings = blob(oci + "config.v1+json", config(image.settings, ids), files);
  std::string manifest = blob(oci + "manifest.v1+json",
                              fmt::format(R"({{"schemaVersion":2,"config":{{{}}},"layers":[{}]}})",
                                          settings, fmt::join(layers, ",")),
                              files);
  files.push_back(
      {"index.json",
       fmt::format(R"({{"schemaVersion":2,"manifests":[)"
                   R"({{"mediaType":"{0}manifest.v1+json","digest":"sha256:{1:0>64}","size":1,)"
                   R"("platform":{{"os":"linux","architecture":"arm64"}}}},)"
                   R"({{{2},"platform":{{"os":"linux","architecture":"amd64"}},)"
                   R"("annotations":{{"org.opencontainers.image.ref.name":"{3}"}}}}]}})",
                   oci, "1", manifest, image.name)});
  return files;
}

Fd as_file(const std::string& bytes) {
  auto file = sealed_memory("archive", bytes);
  CHECK(file.has_value());
  return std::move(*file);
}

}  // namespace vireo::test
