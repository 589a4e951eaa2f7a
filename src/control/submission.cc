// SPDX-License-Identifier: Apache-2.0
#include "control/submission.h"

#include <fmt/format.h>

namespace vireo {

Planning::Planning(Control::Parts& parts, const ControlOptions& options)
    : parts_(parts), options_(options) {
  for (size_t i = 0; i < parts.drivers.size(); i++) {
    HostSupport support = parts.drivers[i]->check_host();
    for (const std::string& technology : parts.drivers[i]->info().technologies)
      offers_.push_back({technology, i, parts.drivers[i]->info().port_kinds, support});
  }
}

ParsedDescriptor Planning::parse(const Submission& submission) const {
  return parse_descriptor(submission.descriptor, [&](const std::string& name) {
    auto file = submission.files.find(name);
    if (file != submission.files.end()) return Result<std::string>(file->second);
    return Result<std::string>(Error{Errc::not_found, fmt::format("{} was not sent along", name)});
  });
}

std::map<std::string, std::string> Planning::pin_images(const ServiceSpec& spec) {
  std::map<std::string, std::string> pins;
  for (const FunctionSpec& function : spec.functions)
    if (Result<Image> image = parts_.images.get(function.image); image)
      pins[function.image] = image->digest;
  return pins;
}

ResolvedImage Planning::resolve(const std::string& reference) {
  ResolvedImage resolved;
  Result<Image> image = parts_.images.get(reference);
  if (!image) {
    resolved.error = image.error();
    return resolved;
  }
  resolved.image = *std::move(image);
  Result<UserIds> user = parts_.images.find_user(resolved.image);
  if (user)
    resolved.user = *user;
  else
    resolved.error = user.error();
  return resolved;
}

PlanResult Planning::plan(const ServiceRow& row, const Allocation& allocation) {
  std::map<std::string, ResolvedImage> images;
  for (const FunctionSpec& function : row.spec.functions) {
    if (images.contains(function.image)) continue;
    auto pin = row.images.find(function.image);
    images[function.image] = resolve(pin == row.images.end() ? function.image : pin->second);
  }
  return plan_service({row.spec, images, offers_, parts_.fabric.info(), allocation,
                       options_.host_memory});
}

}  // namespace vireo
