// SPDX-License-Identifier: Apache-2.0
// One import in progress: everything is made in a folder below tmp/, checked there, and moved to
// its final names in one go. The destructor removes what was not published.
#pragma once
#include <string>
#include <utility>

#include "base/fd.h"
#include "image/image_json.h"
#include "image/store_folder.h"
#include "image/unpacker.h"

namespace vireo {

class Staging {
 public:
  static Result<Staging> make(const StoreFolder& folder, const Unpacker& unpacker);
  Staging(Staging&& other) noexcept
      : folder_(other.folder_), unpacker_(other.unpacker_), path_(std::exchange(other.path_, {})) {}
  Staging& operator=(Staging&&) = delete;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging();

  // Copies `source` to its end; checks digest and size where `expected` gives them.
  Result<BlobDescriptor> add_blob(const Fd& source, const BlobDescriptor& expected);
  Result<BlobDescriptor> add_blob(std::string_view bytes, const std::string& media_type);
  Result<void> drop_blob(const std::string& digest) const;
  Result<Fd> open_blob(const std::string& digest) const;

  // Unpacks into a folder of its own; keep_layer() takes it under its diff id.
  struct Unpacked {
    UnpackedLayer layer;
    std::string path;
  };
  Result<Unpacked> unpack(const Fd& blob, const Unpacker::Progress& progress);
  Result<void> keep_layer(const Unpacked& unpacked);
  uint64_t unpacked_size() const { return unpacked_size_; }

  // Under the store's lock: moves all to its place (what is there already is the same), then writes
  // the record. An image that loses its name stays under its digest.
  Result<void> publish(const ReferenceRecord& record);

 private:
  Staging(const StoreFolder& folder, const Unpacker& unpacker, std::string path)
      : folder_(&folder), unpacker_(&unpacker), path_(std::move(path)) {}
  Result<void> move_all(const std::string& from, bool layers) const;
  Result<void> keep_old_image(const ReferenceRecord& record) const;

  const StoreFolder* folder_;
  const Unpacker* unpacker_;
  std::string path_;
  unsigned count_ = 0;
  uint64_t unpacked_size_ = 0;
};

}  // namespace vireo
