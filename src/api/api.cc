// SPDX-License-Identifier: Apache-2.0
#include "api/api.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/routes.h"
#include "api/views.h"
#include "base/text.h"

namespace vireo {

Api::Api(Parts parts)
    : parts_(std::move(parts)),
      jobs_(parts_.scheduler, [this](const Operation& operation) { wake_waiters(operation); }) {
  parts_.control.on_operation([this](const Operation& operation) { wake_waiters(operation); });
  parts_.control.on_event([this](const Event& event) { stream_event(event); });
}

void Api::handle(const ExchangePtr& exchange) {
  const Request& request = exchange->request();
  RouteMatch match = find_route(request.method, request.path);
  if (match.route != nullptr) return (this->*match.route->handler)(exchange);
  if (match.allowed.empty())
    return exchange->reply(problem_response(
        {Errc::not_found,
         fmt::format("there is no {}; GET /v1/openapi.json lists the paths", request.path)}));
  Response response =
      json_response(Json()
                        .set("type", "about:blank")
                        .set("title", "method not allowed")
                        .set("status", 405)
                        .set("detail", fmt::format("{} takes {}", request.path, match.allowed)));
  response.status = 405;
  response.content_type = "application/problem+json";
  response.headers.emplace_back("Allow", match.allowed);
  exchange->reply(std::move(response));
}

void Api::health(const ExchangePtr& exchange) {
  exchange->reply(json_response(Json().set("status", "ok")));
}

void Api::version(const ExchangePtr& exchange) {
  exchange->reply(json_response(Json().set("version", VIREO_VERSION).set("api", "v1")));
}

void Api::openapi(const ExchangePtr& exchange) {
  exchange->reply(json_response(openapi_document()));
}

void Api::schema(const ExchangePtr& exchange) {
  const auto& query = exchange->request().query;
  auto section = query.find("section");
  auto schema = descriptor_schema(section == query.end() ? "" : section->second);
  if (!schema) return exchange->reply(problem_response(schema.error()));
  exchange->reply({200, "application/schema+json", *schema + "\n", {}});
}

void Api::list_services(const ExchangePtr& exchange) {
  Json list = Json::array();
  for (const ServiceStatus& service : parts_.control.services()) list.push(summary_of(service));
  exchange->reply(json_response(list));
}

void Api::get_service(const ExchangePtr& exchange) {
  auto service = parts_.control.service(exchange->request().params.at("service"));
  if (!service) return exchange->reply(problem_response(service.error()));
  exchange->reply(json_response(to_json(*service)));
}

void Api::list_functions(const ExchangePtr& exchange) {
  const auto& query = exchange->request().query;
  auto wanted = query.find("service");
  if (wanted != query.end())
    if (auto service = parts_.control.service(wanted->second); !service)
      return exchange->reply(problem_response(service.error()));
  Json list = Json::array();
  for (const ServiceStatus& service : parts_.control.services()) {
    if (wanted != query.end() && service.name != wanted->second) continue;
    for (const FunctionStatus& function : service.functions)
      list.push(to_json(function, std::chrono::system_clock::now()));
  }
  exchange->reply(json_response(list));
}

void Api::get_function(const ExchangePtr& exchange) {
  const auto& params = exchange->request().params;
  auto service = parts_.control.service(params.at("service"));
  if (!service) return exchange->reply(problem_response(service.error()));
  for (const FunctionStatus& function : service->functions)
    if (function.function == params.at("function"))
      return exchange->reply(json_response(to_json(function, std::chrono::system_clock::now())));
  exchange->reply(
      problem_response({Errc::not_found, fmt::format("service `{}` has no function `{}`",
                                                     service->name, params.at("function"))}));
}

}  // namespace vireo
