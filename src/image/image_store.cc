// SPDX-License-Identifier: Apache-2.0
#include "image/image_store.h"

#include <fmt/format.h>

#include <map>

#include "image/function_layer.h"
#include "image/image_value.h"
#include "image/importer.h"
#include "image/tree.h"

namespace vireo {

static constexpr size_t most_answered = 1000;
static constexpr size_t shortest_prefix = 6;  // digits of a digest that name an image

struct ImageStore::State {
  StoreFolder folder;
  Unpacker unpacker;
  std::mutex lock;                        // of everything but tmp/
  std::map<std::string, Image> answered;  // what get() has answered; none of it after a change

  Result<Image> publish(Staging& staging, const Staged& staged, const std::string& reference);
  Result<std::vector<ReferenceRecord>> find(const std::string& reference) const;
};

ImageStore::ImageStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImageStore::~ImageStore() = default;

Result<std::unique_ptr<ImageStore>> ImageStore::open(const std::string& directory,
                                                     const std::string& unpacker,
                                                     const UnpackLimits& limits) {
  StoreFolder folder = TRY_IN("image store", StoreFolder::open(directory));
  if (::access(unpacker.c_str(), X_OK) != 0)
    return system_error(fmt::format("image store: cannot run {}", unpacker));
  std::unique_ptr<State> state(new State{std::move(folder), Unpacker(unpacker, limits), {}, {}});
  return std::unique_ptr<ImageStore>(new ImageStore(std::move(state)));
}

Result<Image> ImageStore::State::publish(Staging& staging, const Staged& staged,
                                         const std::string& reference) {
  std::string name = reference.empty() ? staged.name : reference;
  if (name.empty()) return Error{Errc::invalid, "the archive does not name its image: give a name"};
  ReferenceRecord record{TRY(normalise_reference(name)), staged.digest, SystemClock().wall(),
                         staging.unpacked_size()};
  std::lock_guard guard(lock);
  answered.clear();
  TRY(staging.publish(record));
  return load_image(folder, record);
}

Result<Image> ImageStore::import(const Fd& archive, const std::string& reference,
                                 const std::string& settings_json,
                                 const std::function<void(const ImportProgress&)>& progress) {
  if (!reference.empty()) TRY(normalise_reference(reference));
  Staging staging = TRY(Staging::make(state_->folder, state_->unpacker));
  Staged staged = TRY(stage_archive(staging, archive, reference, settings_json, progress));
  return state_->publish(staging, staged, reference);
}

Result<Image> ImageStore::import_layout(const std::string& folder, const std::string& reference) {
  if (!reference.empty()) TRY(normalise_reference(reference));
  Fd tree = TRY(open_directory(folder));
  std::optional<ForeignImage> image = TRY(describe_image(tree, reference));
  if (!image)
    return Error{Errc::invalid,
                 fmt::format("{} is no OCI layout: oci-layout and index.json needed", folder)};
  Staging staging = TRY(Staging::make(state_->folder, state_->unpacker));
  Staged staged = TRY(stage_foreign(staging, tree, *image, {}));
  return state_->publish(staging, staged, reference);
}

Result<Image> ImageStore::build_function(const std::string& reference, const std::string& program,
                                         const std::string& function_type_json) {
  std::string layer = TRY(function_layer(program));
  Staging staging = TRY(Staging::make(state_->folder, state_->unpacker));
  Staged staged = TRY(stage_layer(staging, layer, function_settings(function_type_json)));
  return state_->publish(staging, staged, reference);
}

// By name, or else every name of the one image whose digest begins so.
Result<std::vector<ReferenceRecord>> ImageStore::State::find(const std::string& reference) const {
  std::vector<ReferenceRecord> all = TRY(folder.records());
  auto name = normalise_reference(reference);
  for (const ReferenceRecord& record : all)
    if (name && record.reference == *name) return std::vector{record};
  std::string prefix = reference.starts_with("sha256:") ? reference : "sha256:" + reference;
  std::vector<ReferenceRecord> found;
  for (const ReferenceRecord& record : all)
    if (record.digest.starts_with(prefix) && prefix.size() >= 7 + shortest_prefix)
      found.push_back(record);
  if (found.empty()) return Error{Errc::not_found, fmt::format("no image `{}`", reference)};
  for (const ReferenceRecord& record : found)
    if (record.digest != found[0].digest)
      return Error{Errc::conflict, fmt::format("`{}` begins several digests", reference)};
  return found;
}

Result<Image> ImageStore::get(const std::string& reference) {
  std::lock_guard guard(state_->lock);
  auto known = state_->answered.find(reference);
  if (known != state_->answered.end()) return known->second;
  std::vector<ReferenceRecord> records = TRY(state_->find(reference));
  Image image = TRY(load_image(state_->folder, records.front()));
  if (state_->answered.size() >= most_answered) state_->answered.clear();
  return state_->answered[reference] = std::move(image);
}

Result<std::vector<Image>> ImageStore::list() {
  std::lock_guard guard(state_->lock);
  std::vector<Image> images;
  for (const ReferenceRecord& record : TRY(state_->folder.records()))
    images.push_back(TRY(load_image(state_->folder, record)));
  return images;
}

std::vector<std::string> names_of(ImageStore& images) {
  std::vector<std::string> names;
  Result<std::vector<Image>> all = images.list();
  if (!all) return names;
  for (const Image& image : *all) {
    std::string_view name = image.reference;
    if (name.ends_with(":latest")) name.remove_suffix(7);
    names.emplace_back(name);
  }
  return names;
}

Result<void> ImageStore::remove(const std::string& reference) {
  std::lock_guard guard(state_->lock);
  state_->answered.clear();
  for (const ReferenceRecord& record : TRY(state_->find(reference)))
    TRY(state_->folder.erase_record(record.reference));
  return state_->folder.collect_garbage();
}

}  // namespace vireo
