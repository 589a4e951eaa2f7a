// SPDX-License-Identifier: Apache-2.0
#include "image/image_value.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "host/files.h"
#include "image/function_layer.h"
#include "image/tree.h"

namespace vireo {

static std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.members()) keys.push_back(key);
  return keys;
}

static void take_settings(const Json& settings, Image& image) {
  image.entry_point = strings_of(settings["Entrypoint"]);
  image.command = strings_of(settings["Cmd"]);
  image.environment = strings_of(settings["Env"]);
  image.user = settings["User"].text();
  image.working_directory = settings["WorkingDir"].text();
  image.stop_signal = settings["StopSignal"].text();
  image.volumes = keys_of(settings["Volumes"]);
  image.exposed_ports = keys_of(settings["ExposedPorts"]);
  for (const auto& [key, value] : settings["Labels"].members())
    image.labels.emplace_back(key, value.text());
}

static Result<void> take_function(Image& image) {
  for (const auto& [key, value] : image.labels)
    if (key == function_label)
      image.function = TRY_IN(fmt::format("label {}", key), function_type_from_json(value));
  return {};
}

// overlayfs refuses one directory twice; the upper one decides whatever the lower one would.
static std::vector<std::string> layer_paths(const StoreFolder& folder, const ImageConfig& config) {
  std::vector<std::string> paths;
  for (const std::string& id : config.diff_ids) {
    std::string path = folder.layer_path(id);
    paths.erase(std::remove(paths.begin(), paths.end(), path), paths.end());
    paths.push_back(path);
  }
  return paths;
}

static Result<Image> load(const StoreFolder& folder, const ReferenceRecord& record) {
  Image image;
  image.reference = record.reference;
  image.digest = record.digest;
  image.unpacked_size = record.unpacked_size;
  ImageManifest manifest = TRY(folder.manifest(record.digest));
  ImageConfig config = TRY(folder.config(manifest));
  image.layers = layer_paths(folder, config);
  Fd manifest_file = TRY(open_path(folder.blob_path(record.digest), O_RDONLY));
  image.size = TRY(file_size(manifest_file)) + manifest.config.size;
  for (const BlobDescriptor& layer : manifest.layers) image.size += layer.size;
  image.created = parse_timestamp(config.created).value_or(record.imported);
  take_settings(config.settings, image);
  TRY(take_function(image));
  return image;
}

Result<Image> load_image(const StoreFolder& folder, const ReferenceRecord& record) {
  return TRY_IN(fmt::format("image {}", record.reference), load(folder, record));
}

}  // namespace vireo
