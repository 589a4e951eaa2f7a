// SPDX-License-Identifier: Apache-2.0
// The content-addressed image store shared by all technologies: blobs by sha256, references
// (names) to manifests, unpacked layers by diff id. Thread-safe; a crash leaves only temporary
// files, which the next open() removes.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "image/unpack.h"
#include "model/function_type.h"

namespace vireo {

// An image as the rest of Vireo sees it.
struct Image {
  std::string reference;            // normalised: "vireo/firewall:latest"
  std::string digest;               // "sha256:..." of the manifest
  std::vector<std::string> layers;  // unpacked directories, lowest first
  uint64_t size = 0;                // bytes of manifest, config and layers as stored
  uint64_t unpacked_size = 0;
  WallTime created;
  // From the image's config (OCI image-spec, config.md).
  std::vector<std::string> entry_point, command, environment;
  std::string user, working_directory, stop_signal;
  std::vector<std::string> volumes;  // declared writable paths
  std::vector<std::string> exposed_ports;
  std::vector<std::pair<std::string, std::string>> labels;
  std::optional<FunctionType> function;  // label org.vireo.function: a libvnf function
};

struct ImportProgress {
  std::string step;  // "layer 2 of 5"
  uint64_t done = 0, total = 0;
};

struct UserIds {
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> groups;
};

class ImageStore {
 public:
  // `unpacker`: path of the program vireo-unpack (image/unpack.h), run without rights. One process
  // at a time may have the directory open.
  static Result<std::unique_ptr<ImageStore>> open(const std::string& directory,
                                                  const std::string& unpacker,
                                                  const UnpackLimits& limits = {});
  ~ImageStore();

  // Takes a `docker save` archive, an OCI archive, or a plain root-file-system archive (gzip, zstd
  // or not); tells them apart by content. `reference` names the image; for docker and OCI archives
  // it may be empty (the archive's own name is used). `settings_json`, for plain archives: entry
  // point, command, environment, user, ... in the OCI config's form.
  Result<Image> import(const Fd& archive, const std::string& reference,
                       const std::string& settings_json,
                       const std::function<void(const ImportProgress&)>& progress);
  // An OCI image layout folder on this host.
  Result<Image> import_layout(const std::string& folder, const std::string& reference);
  // Packs one static program with a libvnf function's label into a reproducible single-layer OCI
  // image: same inputs, same digest.
  Result<Image> build_function(const std::string& reference, const std::string& program,
                               const std::string& function_type_json);

  Result<Image> get(const std::string& reference);  // by name or digest prefix; else not_found
  Result<std::vector<Image>> list();
  // Errc::not_found if absent. Layers that no other image uses are deleted.
  Result<void> remove(const std::string& reference);

  // Looks the image's user up ("name", "uid", "uid:gid", "name:group") in its own /etc/passwd and
  // /etc/group, without following links out of the layers.
  static Result<UserIds> find_user(const Image& image);

 private:
  struct State;
  explicit ImageStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// "nginx" -> "docker.io/library/nginx:latest"? No: names are kept as the user gave them, with
// ":latest" added when neither tag nor digest is given. Errc::invalid for characters outside OCI's
// grammar.
Result<std::string> normalise_reference(const std::string& reference);

// Names of all images as a user writes them: without ":latest".
std::vector<std::string> names_of(ImageStore& images);

}  // namespace vireo
