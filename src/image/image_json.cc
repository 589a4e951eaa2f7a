// SPDX-License-Identifier: Apache-2.0
#include "image/image_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "image/digest.h"

namespace vireo {

static constexpr std::string_view oci_manifest = "application/vnd.oci.image.manifest.v1+json";
static constexpr size_t most_layers = 500;

std::string this_platform() {
#if defined(__aarch64__)
  return "linux/arm64";
#else
  return "linux/amd64";
#endif
}

bool is_index(const BlobDescriptor& descriptor) {
  return descriptor.media_type == "application/vnd.oci.image.index.v1+json" ||
         descriptor.media_type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

static std::string platform_text(const Json& value) {
  std::string os = value["os"].text();
  std::string architecture = value["architecture"].text();
  return os.empty() && architecture.empty() ? "" : os + "/" + architecture;
}

// containerd and docker write the whole name; podman and skopeo write it, or a tag alone, in
// OCI's own annotation.
static std::string annotated_name(const Json& annotations) {
  std::string name = annotations["io.containerd.image.name"].text();
  return name.empty() ? annotations["org.opencontainers.image.ref.name"].text() : name;
}

static Result<BlobDescriptor> parse_descriptor(const Json& value) {
  BlobDescriptor descriptor;
  descriptor.media_type = value["mediaType"].text();
  descriptor.digest = value["digest"].text();
  TRY(check_digest_form(descriptor.digest));
  int64_t size = value["size"].integer(-1);
  if (size < 0)
    return Error{Errc::invalid, fmt::format("blob {} has no valid size", descriptor.digest)};
  descriptor.size = static_cast<uint64_t>(size);
  descriptor.platform = platform_text(value["platform"]);
  descriptor.name = annotated_name(value["annotations"]);
  return descriptor;
}

static Result<std::vector<BlobDescriptor>> parse_descriptors(const Json& array) {
  std::vector<BlobDescriptor> descriptors;
  for (const Json& item : array.items()) descriptors.push_back(TRY(parse_descriptor(item)));
  return descriptors;
}

Result<std::vector<BlobDescriptor>> parse_index(std::string_view text) {
  Json index = TRY_IN("image index", parse_json(text));
  if (!index["manifests"].is_array())
    return Error{Errc::invalid, "the image index has no `manifests`"};
  return TRY_IN("image index", parse_descriptors(index["manifests"]));
}

Result<ImageManifest> parse_manifest(std::string_view text) {
  Json json = TRY_IN("image manifest", parse_json(text));
  if (json["schemaVersion"].integer() != 2 || !json["layers"].is_array())
    return Error{Errc::unsupported, "the image manifest is not of schema version 2"};
  ImageManifest manifest;
  manifest.config = TRY_IN("image manifest", parse_descriptor(json["config"]));
  manifest.layers = TRY_IN("image manifest", parse_descriptors(json["layers"]));
  if (manifest.layers.size() > most_layers)
    return Error{Errc::exhausted, fmt::format("the image has more than {} layers", most_layers)};
  return manifest;
}

Result<ImageConfig> parse_config(std::string_view text) {
  Json json = TRY_IN("image config", parse_json(text));
  ImageConfig config;
  config.settings = json["config"];
  config.platform = platform_text(json);
  config.created = json["created"].text();
  config.diff_ids = strings_of(json["rootfs"]["diff_ids"]);
  if (config.diff_ids.size() != json["rootfs"]["diff_ids"].items().size())
    return Error{Errc::invalid, "image config: a diff id is not a text"};
  for (const std::string& id : config.diff_ids) TRY_IN("image config", check_digest_form(id));
  return config;
}

Result<std::vector<DockerImage>> parse_docker_manifest(std::string_view text) {
  Json json = TRY_IN("manifest.json", parse_json(text));
  std::vector<DockerImage> images;
  for (const Json& item : json.items()) {
    DockerImage image{item["Config"].text(), strings_of(item["RepoTags"]),
                      strings_of(item["Layers"])};
    if (image.config.empty() || image.layers.size() != item["Layers"].items().size())
      return Error{Errc::invalid, "manifest.json: an image lacks `Config` or `Layers`"};
    if (image.layers.size() > most_layers)
      return Error{Errc::exhausted, fmt::format("the image has more than {} layers", most_layers)};
    images.push_back(std::move(image));
  }
  if (images.empty()) return Error{Errc::invalid, "manifest.json names no image"};
  return images;
}

static Json descriptor_json(const BlobDescriptor& descriptor) {
  return Json::object()
      .set("mediaType", descriptor.media_type)
      .set("digest", descriptor.digest)
      .set("size", descriptor.size);
}

std::string manifest_text(const ImageManifest& manifest) {
  Json layers = Json::array();
  for (const BlobDescriptor& layer : manifest.layers) layers.push(descriptor_json(layer));
  return Json::object()
      .set("schemaVersion", 2)
      .set("mediaType", oci_manifest)
      .set("config", descriptor_json(manifest.config))
      .set("layers", std::move(layers))
      .dump();
}

static Result<Json> parse_settings(std::string_view text) {
  static const std::array<std::string, 10> keys{
      "Entrypoint", "Cmd",          "Env",     "User",   "WorkingDir",
      "StopSignal", "ExposedPorts", "Volumes", "Labels", "ArgsEscaped"};
  if (text.empty()) return Json::object();
  Json settings = TRY_IN("image settings", parse_json(text));
  if (!settings.is_object()) return Error{Errc::invalid, "image settings: not an object"};
  for (const auto& [key, value] : settings.members()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    std::string close = nearest(key, keys);
    return Error{Errc::invalid,
                 fmt::format("image settings: unknown key `{}`{}", key,
                             close.empty() ? "" : "; did you mean `" + close + "`?")};
  }
  return settings;
}

Result<std::string> config_text(std::string_view settings_json, const std::string& diff_id,
                                const std::string& created) {
  std::string platform = this_platform();
  Json config = Json::object();
  if (!created.empty()) config.set("created", created);
  config.set("architecture", platform.substr(platform.find('/') + 1))
      .set("os", "linux")
      .set("config", TRY(parse_settings(settings_json)))
      .set("rootfs",
           Json::object().set("type", "layers").set("diff_ids", Json::array().push(diff_id)));
  return config.dump();
}

}  // namespace vireo
