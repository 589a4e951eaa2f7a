// SPDX-License-Identifier: Apache-2.0
#include "image/foreign_image.h"

#include <fmt/format.h>

#include <algorithm>

#include "image/digest.h"
#include "image/image_store.h"
#include "image/tree.h"

namespace vireo {
namespace {

constexpr size_t largest_document = 8u << 20;
constexpr const char* oci_config = "application/vnd.oci.image.config.v1+json";

std::string blob_name(const std::string& digest) { return "blobs/sha256/" + digest_hex(digest); }

Result<std::string> read_blob(const Fd& tree, const BlobDescriptor& blob) {
  std::string text = TRY(read_inside(tree, blob_name(blob.digest), largest_document));
  TRY(compare_digests(fmt::format("`{}`", blob_name(blob.digest)), digest_of(text), blob.digest));
  if (text.size() != blob.size)
    return Error{Errc::corrupt, fmt::format("`{}` has {} bytes, expected {}",
                                            blob_name(blob.digest), text.size(), blob.size)};
  return text;
}

bool same_name(const std::string& a, const std::string& b) {
  auto x = normalise_reference(a);
  auto y = normalise_reference(b);
  return x && y && *x == *y;
}

// "ours" of several platforms: the one said to be for this host, or the only one that says nothing.
Result<BlobDescriptor> choose(const std::vector<BlobDescriptor>& all, const std::string& wanted) {
  std::vector<BlobDescriptor> fitting;
  std::string others;
  for (const BlobDescriptor& one : all) {
    if (one.platform.empty() || one.platform == this_platform())
      fitting.push_back(one);
    else if (one.platform != "unknown/unknown")
      others += " " + one.platform;
  }
  if (fitting.empty())
    return Error{Errc::unsupported,
                 fmt::format("the archive has no image for {}, but for:{}", this_platform(),
                             others.empty() ? " none" : others)};
  if (fitting.size() == 1) return fitting[0];
  std::string names;
  for (const BlobDescriptor& one : fitting) {
    if (!wanted.empty() && same_name(one.name, wanted)) return one;
    names += " " + (one.name.empty() ? one.digest : one.name);
  }
  if (!fitting[0].platform.empty() && fitting[0].name.empty()) return fitting[0];
  return Error{Errc::conflict,
               fmt::format("the archive holds several images; give the name of one:{}", names)};
}

Result<void> check_layers(const ForeignImage& image, const ImageConfig& config) {
  if (image.layers.size() != config.diff_ids.size())
    return Error{Errc::corrupt, fmt::format("the image has {} layers and {} diff ids",
                                            image.layers.size(), config.diff_ids.size())};
  if (!config.platform.empty() && config.platform != this_platform())
    return Error{Errc::unsupported,
                 fmt::format("the image is for {}, not {}", config.platform, this_platform())};
  return {};
}

Result<ForeignImage> describe_oci(const Fd& tree, const std::string& wanted) {
  std::string text = TRY(read_inside(tree, "index.json", largest_document));
  std::vector<BlobDescriptor> index = TRY(parse_index(text));
  ForeignImage image;
  BlobDescriptor chosen = TRY(choose(index, wanted));
  image.name = chosen.name;
  for (int depth = 0; is_index(chosen); depth++) {
    if (depth == 4) return Error{Errc::invalid, "the image indexes are nested too deeply"};
    std::string inner = TRY(read_blob(tree, chosen));
    std::vector<BlobDescriptor> platforms = TRY(parse_index(inner));
    chosen = TRY(choose(platforms, ""));
  }
  image.manifest = TRY(read_blob(tree, chosen));
  ImageManifest manifest = TRY(parse_manifest(image.manifest));
  image.config_blob = manifest.config;
  image.config = TRY(read_blob(tree, manifest.config));
  for (const BlobDescriptor& layer : manifest.layers)
    image.layers.push_back({blob_name(layer.digest), layer});
  ImageConfig config = TRY(parse_config(image.config));
  TRY(check_layers(image, config));
  image.diff_ids = config.diff_ids;
  return image;
}

Result<DockerImage> choose_docker(const std::vector<DockerImage>& all, const std::string& wanted) {
  if (all.size() == 1) return all[0];
  std::string names;
  for (const DockerImage& one : all)
    for (const std::string& name : one.names) {
      if (!wanted.empty() && same_name(name, wanted)) return one;
      names += " " + name;
    }
  return Error{Errc::conflict,
               fmt::format("the archive holds several images; give the name of one:{}", names)};
}

// "HEX", "HEX.json", "blobs/sha256/HEX": such a name promises the digest; "" for any other.
std::string promised_digest(const std::string& path) {
  std::string stem = path.substr(path.find_last_of('/') + 1);
  std::string digest = "sha256:" + stem.substr(0, stem.find('.'));
  return check_digest_form(digest) ? digest : "";
}

Result<ForeignImage> describe_docker(const Fd& tree, const std::vector<DockerImage>& images,
                                     const std::string& wanted) {
  DockerImage chosen = TRY(choose_docker(images, wanted));
  ForeignImage image;
  if (!chosen.names.empty()) image.name = chosen.names[0];
  image.config = TRY(read_inside(tree, chosen.config, largest_document));
  TRY(compare_digests(fmt::format("`{}`", chosen.config), digest_of(image.config),
                      promised_digest(chosen.config)));
  image.config_blob.media_type = oci_config;
  ImageConfig config = TRY(parse_config(image.config));
  for (const std::string& path : chosen.layers) image.layers.push_back({path, {}});
  TRY(check_layers(image, config));
  image.diff_ids = config.diff_ids;
  return image;
}

// A root file system may have a manifest.json of its own.
std::vector<DockerImage> docker_images(const Fd& tree) {
  auto text = read_inside(tree, "manifest.json", largest_document);
  if (!text) return {};
  auto images = parse_docker_manifest(*text);
  return images ? std::move(*images) : std::vector<DockerImage>{};
}

}  // namespace

Result<std::optional<ForeignImage>> describe_image(const Fd& tree, const std::string& wanted) {
  std::vector<DockerImage> docker = docker_images(tree);
  if (!exists_inside(tree, "oci-layout") || !exists_inside(tree, "index.json")) {
    if (docker.empty()) return std::optional<ForeignImage>();
    return std::optional(TRY(describe_docker(tree, docker, wanted)));
  }
  ForeignImage image = TRY(describe_oci(tree, wanted));
  // Annotations may carry the tag alone; docker's own list has the whole name.
  if (image.name.find_first_of("/:") == std::string::npos) image.name.clear();
  if (image.name.empty() && docker.size() == 1 && !docker[0].names.empty())
    image.name = docker[0].names[0];
  return std::optional(std::move(image));
}

}  // namespace vireo
