// SPDX-License-Identifier: Apache-2.0
#include "image/staging.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/log.h"
#include "host/files.h"
#include "image/digest.h"
#include "image/tree.h"

namespace vireo {

Result<Staging> Staging::make(const StoreFolder& folder, const Unpacker& unpacker) {
  Staging staging(folder, unpacker, TRY(folder.make_temporary()));
  for (const char* part : {"/blobs", "/layers"}) TRY(make_directories(staging.path_ + part, 0700));
  return staging;
}

Staging::~Staging() {
  if (path_.empty()) return;
  if (auto removed = remove_tree(path_); !removed)
    spdlog::warn("image store: {}", removed.error().message);
}

Result<BlobDescriptor> Staging::add_blob(const Fd& source, const BlobDescriptor& expected) {
  std::string name = fmt::format("{}/blob-{}", path_, count_++);
  Fd file = TRY(open_path(name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  Sha256 sum;
  BlobDescriptor blob = expected;
  blob.size = 0;
  TRY(read_pieces(source, [&](std::string_view piece) {
    blob.size += piece.size();
    sum.update(piece);
    return write_all(file, piece);
  }));
  blob.digest = sum.finish();
  TRY(compare_digests("the blob", blob.digest, expected.digest));
  if (!expected.digest.empty() && blob.size != expected.size)
    return Error{Errc::corrupt,
                 fmt::format("the blob has {} bytes, expected {}", blob.size, expected.size)};
  if (::fsync(file.get()) != 0) return system_error("cannot write a blob to disk");
  std::string final_name = path_ + "/blobs/" + digest_hex(blob.digest);
  if (::rename(name.c_str(), final_name.c_str()) != 0) return system_error("cannot keep a blob");
  return blob;
}

Result<BlobDescriptor> Staging::add_blob(std::string_view bytes, const std::string& media_type) {
  Fd memory = TRY(sealed_memory("vireo-blob", bytes));
  BlobDescriptor expected;
  expected.media_type = media_type;
  return add_blob(memory, expected);
}

Result<void> Staging::drop_blob(const std::string& digest) const {
  std::string path = path_ + "/blobs/" + digest_hex(digest);
  if (::unlink(path.c_str()) != 0) return system_error(fmt::format("cannot remove {}", path));
  return {};
}

Result<Fd> Staging::open_blob(const std::string& digest) const {
  return open_path(path_ + "/blobs/" + digest_hex(digest), O_RDONLY);
}

Result<Staging::Unpacked> Staging::unpack(const Fd& blob, const Unpacker::Progress& progress) {
  std::string path = fmt::format("{}/unpacked-{}", path_, count_++);
  TRY(make_directories(path, 0755));
  Fd directory = TRY(open_directory(path));
  if (::fchmod(directory.get(), 0755) != 0) return system_error("cannot set a directory's mode");
  return Unpacked{TRY(unpacker_->unpack(blob, directory, progress)), path};
}

Result<void> Staging::keep_layer(const Unpacked& unpacked) {
  unpacked_size_ += tree_size(unpacked.path);
  std::string kept = path_ + "/layers/" + digest_hex(unpacked.layer.diff_id);
  if (exists(kept)) return remove_tree(unpacked.path);  // the same layer twice in one image
  if (::rename(unpacked.path.c_str(), kept.c_str()) != 0)
    return system_error("cannot keep an unpacked layer");
  return {};
}

Result<void> Staging::move_all(const std::string& from, bool layers) const {
  for (const std::string& name : TRY(list_directory(path_ + from))) {
    std::string source = path_ + from + "/" + name;
    std::string target =
        layers ? folder_->layer_path("sha256:" + name) : folder_->blob_path("sha256:" + name);
    if (!exists(target) && ::rename(source.c_str(), target.c_str()) != 0)
      return system_error(fmt::format("cannot publish {}", target));
  }
  return {};
}

Result<void> Staging::keep_old_image(const ReferenceRecord& record) const {
  std::string lost;
  unsigned names = 0;
  auto records = TRY(folder_->records());
  for (const ReferenceRecord& old : records)
    if (old.reference == record.reference && old.digest != record.digest) lost = old.digest;
  for (const ReferenceRecord& old : records)
    if (old.digest == lost) names++;
  for (const ReferenceRecord& old : records) {
    if (names != 1 || old.digest != lost) continue;
    ReferenceRecord nameless = old;
    nameless.reference = old.digest;
    TRY(folder_->write_record(nameless));
  }
  return {};
}

Result<void> Staging::publish(const ReferenceRecord& record) {
  // The files of the layers were written by another process: all of them reach the disk before
  // a name does.
  Fd directory = TRY(open_directory(path_));
  if (::syncfs(directory.get()) != 0) return system_error("cannot write the image to disk");
  TRY(move_all("/layers", true));
  TRY(move_all("/blobs", false));
  TRY(folder_->sync_directories());
  TRY(keep_old_image(record));
  return folder_->write_record(record);
}

}  // namespace vireo
