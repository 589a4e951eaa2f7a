// SPDX-License-Identifier: Apache-2.0
#include "image/store_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "host/files.h"
#include "image/digest.h"
#include "image/tree.h"

namespace vireo {

static constexpr size_t largest_document = 8u << 20;

static std::string file_name(const std::string& reference) {
  std::string name;
  for (char c : reference) name += c == '/' ? "%2F" : c == ':' ? "%3A" : std::string(1, c);
  return name + ".json";
}

Result<StoreFolder> StoreFolder::open(const std::string& directory) {
  for (const char* part : {"/blobs/sha256", "/layers", "/references"})
    TRY(make_directories(directory + part, 0700));
  // Whatever is there was cut off by a crash: nothing that is published lies in tmp.
  TRY(remove_tree(directory + "/tmp"));
  TRY(make_directories(directory + "/tmp", 0700));
  return StoreFolder(directory);
}

std::string StoreFolder::blob_path(const std::string& digest) const {
  return root_ + "/blobs/sha256/" + digest_hex(digest);
}

std::string StoreFolder::layer_path(const std::string& diff_id) const {
  return root_ + "/layers/" + digest_hex(diff_id);
}

std::string StoreFolder::record_path(const std::string& reference) const {
  return root_ + "/references/" + file_name(reference);
}

Result<std::string> StoreFolder::make_temporary() const {
  std::string path = root_ + "/tmp/XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return system_error("cannot make a temporary directory");
  return path;
}

static Result<ReferenceRecord> parse_record(std::string_view text) {
  Json json = TRY(parse_json(text));
  ReferenceRecord record;
  record.reference = json["reference"].text();
  record.digest = json["digest"].text();
  TRY(check_digest_form(record.digest));
  record.imported = TRY(parse_timestamp(json["imported"].text()));
  record.unpacked_size = static_cast<uint64_t>(json["unpacked_size"].integer());
  return record;
}

Result<std::vector<ReferenceRecord>> StoreFolder::records() const {
  std::vector<ReferenceRecord> records;
  std::string folder = root_ + "/references";
  for (const std::string& name : TRY(list_directory(folder))) {
    if (!name.ends_with(".json")) continue;
    std::string text = TRY(read_file(folder + "/" + name, largest_document));
    records.push_back(TRY_IN(fmt::format("image record {}", name), parse_record(text)));
  }
  return records;
}

static Result<void> sync_directory(const std::string& path) {
  Fd directory = TRY(open_directory(path));
  if (::fsync(directory.get()) != 0) return system_error(fmt::format("cannot sync {}", path));
  return {};
}

Result<void> StoreFolder::write_record(const ReferenceRecord& record) const {
  Json json = Json::object()
                  .set("reference", record.reference)
                  .set("digest", record.digest)
                  .set("imported", timestamp(record.imported))
                  .set("unpacked_size", record.unpacked_size);
  TRY(replace_file(record_path(record.reference), json.dump() + "\n", 0600));
  return sync_directory(root_ + "/references");
}

Result<void> StoreFolder::erase_record(const std::string& reference) const {
  std::string path = record_path(reference);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return system_error(fmt::format("cannot remove {}", path));
  return sync_directory(root_ + "/references");
}

Result<ImageManifest> StoreFolder::manifest(const std::string& digest) const {
  std::string text = TRY(read_file(blob_path(digest), largest_document));
  TRY(compare_digests("the stored manifest", digest_of(text), digest));
  return parse_manifest(text);
}

Result<ImageConfig> StoreFolder::config(const ImageManifest& manifest) const {
  std::string text = TRY(read_file(blob_path(manifest.config.digest), largest_document));
  TRY(compare_digests("the stored config", digest_of(text), manifest.config.digest));
  return parse_config(text);
}

Result<void> StoreFolder::delete_unused(const std::string& folder,
                                        const std::vector<std::string>& used) const {
  for (const std::string& name : TRY(list_directory(root_ + folder))) {
    if (std::find(used.begin(), used.end(), name) != used.end()) continue;
    // Away with the name first: a half-deleted layer must never look like a whole one.
    std::string grave = TRY(make_temporary());
    std::string path = root_ + folder + "/" + name;
    if (::rename(path.c_str(), (grave + "/" + name).c_str()) != 0)
      return system_error(fmt::format("cannot remove {}", path));
    TRY(remove_tree(grave));
  }
  return {};
}

Result<void> StoreFolder::collect_garbage() const {
  std::vector<std::string> blobs;
  std::vector<std::string> layers;
  for (const ReferenceRecord& record : TRY(records())) {
    ImageManifest found = TRY(manifest(record.digest));
    ImageConfig settings = TRY(config(found));
    blobs.push_back(digest_hex(record.digest));
    blobs.push_back(digest_hex(found.config.digest));
    for (const BlobDescriptor& layer : found.layers) blobs.push_back(digest_hex(layer.digest));
    for (const std::string& id : settings.diff_ids) layers.push_back(digest_hex(id));
  }
  TRY(delete_unused("/blobs/sha256", blobs));
  return delete_unused("/layers", layers);
}

Result<void> StoreFolder::sync_directories() const {
  TRY(sync_directory(root_ + "/blobs/sha256"));
  return sync_directory(root_ + "/layers");
}

}  // namespace vireo
