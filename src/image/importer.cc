// SPDX-License-Identifier: Apache-2.0
#include "image/importer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "host/files.h"
#include "image/digest.h"
#include "image/tree.h"

namespace vireo {
namespace {

constexpr const char* oci_manifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* oci_config = "application/vnd.oci.image.config.v1+json";
constexpr const char* settings_file = ".vireo-settings.json";
constexpr size_t largest_settings = 1u << 20;

const char* layer_type(Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return "application/vnd.oci.image.layer.v1.tar+gzip";
    case Compression::zstd:
      return "application/vnd.oci.image.layer.v1.tar+zstd";
    default:
      return "application/vnd.oci.image.layer.v1.tar";
  }
}

// The blob first, checked; only then is anything of its inside read.
Result<BlobDescriptor> stage_layer_file(Staging& staging, const Fd& tree, const LayerFile& file,
                                        const std::string& diff_id,
                                        const Unpacker::Progress& progress) {
  Fd source = TRY(open_inside(tree, file.path));
  BlobDescriptor blob = TRY(staging.add_blob(source, file.expected));
  Fd stored = TRY(staging.open_blob(blob.digest));
  if (blob.media_type.empty()) blob.media_type = layer_type(TRY(compression_of(stored)));
  Staging::Unpacked unpacked = TRY(staging.unpack(stored, progress));
  TRY(compare_digests("its uncompressed content", unpacked.layer.diff_id, diff_id));
  TRY(staging.keep_layer(unpacked));
  return blob;
}

Result<Staged> stage_documents(Staging& staging, ImageManifest manifest,
                               const std::string& config) {
  manifest.config = TRY(staging.add_blob(config, oci_config));
  BlobDescriptor blob = TRY(staging.add_blob(manifest_text(manifest), oci_manifest));
  return Staged{blob.digest, ""};
}

Result<Staged> stage_single(Staging& staging, BlobDescriptor blob,
                            const Staging::Unpacked& unpacked, const std::string& settings) {
  std::string config = TRY(config_text(settings, unpacked.layer.diff_id, ""));
  TRY(staging.keep_layer(unpacked));
  ImageManifest manifest;
  manifest.layers.push_back(std::move(blob));
  return stage_documents(staging, std::move(manifest), config);
}

// The settings that tools/pack-root puts beside the root directories; not part of the layer.
Result<std::string> take_settings_file(const Staging::Unpacked& unpacked) {
  Fd root = TRY(open_directory(unpacked.path));
  if (!exists_inside(root, settings_file)) return std::string();
  std::string settings = TRY(read_inside(root, settings_file, largest_settings));
  if (::unlinkat(root.get(), settings_file, 0) != 0)
    return system_error("cannot take the settings out of the archive");
  return settings;
}

// A root that has all that is mounted over is used as it is; otherwise each start pays for an
// overlay. What is there already stays.
Result<void> add_mount_points(const Staging::Unpacked& unpacked) {
  Fd root = TRY(open_directory(unpacked.path));
  for (const char* name : {"dev", "proc", "sys", "etc"})
    if (::mkdirat(root.get(), name, 0755) != 0 && errno != EEXIST)
      return system_error(fmt::format("cannot make /{} of the root", name));
  Fd etc(::openat(root.get(), "etc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!etc) return {};  // a link, or a file: left as the archive has it
  for (const char* name : {"hosts", "resolv.conf"}) {
    Fd file(::openat(etc.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file && errno != EEXIST) return system_error(fmt::format("cannot make /etc/{}", name));
  }
  return {};
}

Result<Staged> stage_plain(Staging& staging, BlobDescriptor blob, const Staging::Unpacked& unpacked,
                           std::string settings) {
  Fd stored = TRY(staging.open_blob(blob.digest));
  blob.media_type = layer_type(TRY(compression_of(stored)));
  std::string own = TRY(take_settings_file(unpacked));
  if (settings.empty()) settings = std::move(own);
  TRY(add_mount_points(unpacked));
  return stage_single(staging, std::move(blob), unpacked, settings);
}

}  // namespace

Result<Staged> stage_foreign(Staging& staging, const Fd& tree, const ForeignImage& image,
                             const ReportProgress& report) {
  ImageManifest manifest;
  for (size_t i = 0; i < image.layers.size(); i++) {
    const LayerFile& file = image.layers[i];
    std::string step = fmt::format("layer {} of {}", i + 1, image.layers.size());
    auto progress = [&](uint64_t done) {
      if (report) report({step, done, 0});
    };
    manifest.layers.push_back(
        TRY_IN(fmt::format("{} (`{}`)", step, file.path),
               stage_layer_file(staging, tree, file, image.diff_ids[i], progress)));
  }
  if (image.manifest.empty()) {
    Staged staged = TRY(stage_documents(staging, std::move(manifest), image.config));
    return Staged{staged.digest, image.name};
  }
  TRY(staging.add_blob(image.config, image.config_blob.media_type));
  BlobDescriptor blob = TRY(staging.add_blob(image.manifest, oci_manifest));
  return Staged{blob.digest, image.name};
}

Result<Staged> stage_archive(Staging& staging, const Fd& archive, const std::string& wanted,
                             const std::string& settings_json, const ReportProgress& report) {
  BlobDescriptor received = TRY_IN("receive the archive", staging.add_blob(archive, {}));
  Fd stored = TRY(staging.open_blob(received.digest));
  auto progress = [&](uint64_t done) {
    if (report) report({"unpack the archive", done, 0});
  };
  Staging::Unpacked unpacked = TRY(staging.unpack(stored, progress));
  Fd tree = TRY(open_directory(unpacked.path));
  std::optional<ForeignImage> image = TRY(describe_image(tree, wanted));
  if (!image) return stage_plain(staging, std::move(received), unpacked, settings_json);
  TRY(staging.drop_blob(received.digest));
  return stage_foreign(staging, tree, *image, report);
}

Result<Staged> stage_layer(Staging& staging, std::string_view layer,
                           const std::string& settings_json) {
  BlobDescriptor blob = TRY(staging.add_blob(layer, layer_type(Compression::gzip)));
  Fd stored = TRY(staging.open_blob(blob.digest));
  Staging::Unpacked unpacked = TRY(staging.unpack(stored, {}));
  return stage_single(staging, std::move(blob), unpacked, settings_json);
}

}  // namespace vireo
