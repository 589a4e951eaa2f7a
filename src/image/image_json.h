// SPDX-License-Identifier: Apache-2.0
// The JSON documents of images: OCI index, manifest and config (image-spec 1.1), and the
// manifest.json of `docker save`. Pure; every text may be hostile.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace vireo {

struct BlobDescriptor {
  std::string media_type;
  std::string digest;
  uint64_t size = 0;
  std::string platform;  // "linux/arm64", "" when not said
  std::string name;      // from its annotations, "" when not said
};

struct ImageManifest {
  BlobDescriptor config;
  std::vector<BlobDescriptor> layers;
};

struct ImageConfig {
  Json settings;                      // the member `config`: Entrypoint, Env, ...
  std::vector<std::string> diff_ids;  // lowest layer first
  std::string platform;
  std::string created;
};

struct DockerImage {   // one element of manifest.json
  std::string config;  // path inside the archive
  std::vector<std::string> names, layers;
};

bool is_index(const BlobDescriptor& descriptor);

// An OCI image index or a Docker manifest list.
Result<std::vector<BlobDescriptor>> parse_index(std::string_view text);
Result<ImageManifest> parse_manifest(std::string_view text);
Result<ImageConfig> parse_config(std::string_view text);
Result<std::vector<DockerImage>> parse_docker_manifest(std::string_view text);

std::string manifest_text(const ImageManifest& manifest);
// `settings_json`: the config's member `config`, "" for none; an unknown key is Errc::invalid.
// `created` may be empty.
Result<std::string> config_text(std::string_view settings_json, const std::string& diff_id,
                                const std::string& created);

std::string this_platform();  // "linux/amd64"

}  // namespace vireo
