// SPDX-License-Identifier: Apache-2.0
// Routes of the image store: listing at once, importing and building on a background thread.
#include <fmt/format.h>

#include <algorithm>

#include "api/api.h"
#include "api/views.h"
#include "base/text.h"
#include "host/files.h"

namespace vireo {

static std::string query_value(const Request& request, const std::string& name) {
  auto found = request.query.find(name);
  return found == request.query.end() ? "" : found->second;
}

// With the name that may have been meant.
static Result<Image> find_image(ImageStore& images, const std::string& reference) {
  auto image = images.get(reference);
  if (image || image.error().code != Errc::not_found) return image;
  std::string near = nearest(reference, names_of(images));
  if (near.empty()) return image;
  return Error{Errc::not_found, fmt::format("{}\ndid you mean `{}`?", image.error().message, near)};
}

void Api::list_images(const ExchangePtr& exchange) {
  auto images = parts_.images.list();
  if (!images) return exchange->reply(problem_response(images.error()));
  Json list = Json::array();
  for (const Image& image : *images) list.push(to_json(image));
  exchange->reply(json_response(list));
}

void Api::get_image(const ExchangePtr& exchange) {
  auto image = find_image(parts_.images, exchange->request().params.at("reference"));
  if (!image) return exchange->reply(problem_response(image.error()));
  exchange->reply(json_response(to_json(*image)));
}

void Api::import_image(const ExchangePtr& exchange) {
  const Request& request = exchange->request();
  auto archive = request.body_file.duplicate();
  if (!archive) return exchange->reply(problem_response(archive.error()));
  auto shared = std::make_shared<Fd>(std::move(*archive));
  auto work = [this, shared, reference = query_value(request, "reference"),
               settings = query_value(request, "settings")]() -> Result<std::vector<Image>> {
    auto image = parts_.images.import(*shared, reference, settings, [](const ImportProgress&) {});
    if (!image) return image.error();
    return std::vector<Image>{*image};
  };
  answer_operation(exchange, jobs_.start("image import", work));
}

// Reads one of our functions' program and type and packs it as "vireo/NAME".
static Result<Image> build_one(ImageStore& images, const std::string& directory,
                               const std::string& name) {
  std::string program = directory + "/" + name;
  if (name.find('/') != std::string::npos || !exists(program + ".json"))
    return Error{Errc::not_found, fmt::format("there is no function `{}`; `vireo image build all` "
                                              "builds those there are",
                                              name)};
  std::string type = TRY(read_file(program + ".json"));
  return images.build_function("vireo/" + name, program, type);
}

static Result<std::vector<std::string>> all_functions(const std::string& directory) {
  std::vector<std::string> names;
  for (const std::string& file : TRY(list_directory(directory)))
    if (file.ends_with(".json")) names.push_back(file.substr(0, file.size() - 5));
  return names;
}

void Api::build_images(const ExchangePtr& exchange) {
  auto body = parse_json(exchange->request().body);
  if (!body) return exchange->reply(problem_response(body.error()));
  auto work = [this, names = strings_of((*body)["functions"])]() -> Result<std::vector<Image>> {
    std::vector<Image> built;
    std::vector<std::string> wanted = names;
    if (wanted.empty() || wanted == std::vector<std::string>{"all"})
      wanted = TRY(all_functions(parts_.function_directory));
    for (const std::string& name : wanted)
      built.push_back(TRY_IN(fmt::format("build {}", name),
                             build_one(parts_.images, parts_.function_directory, name)));
    return built;
  };
  answer_operation(exchange, jobs_.start("image build", work));
}

void Api::remove_image(const ExchangePtr& exchange) {
  const std::string& reference = exchange->request().params.at("reference");
  auto image = find_image(parts_.images, reference);
  if (!image) return exchange->reply(problem_response(image.error()));
  if (parts_.control.uses_image(image->digest))
    return exchange->reply(problem_response(
        {Errc::conflict,
         fmt::format("image `{}` is in use; `vireo ps` shows by what", image->reference)}));
  if (auto removed = parts_.images.remove(reference); !removed)
    return exchange->reply(problem_response(removed.error()));
  parts_.control.forget_image(image->digest);
  exchange->reply({204, "application/json", "", {}});
}

}  // namespace vireo
