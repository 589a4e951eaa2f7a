// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string>

#include "api/routes.h"
#include "api/schemas.h"
#include "base/text.h"

namespace vireo {
namespace {

Json reference_to(std::string_view schema) {
  return Json().set("$ref", "#/components/schemas/" + std::string(schema));
}

Json content_of(std::string_view type, Json schema) {
  return Json().set(std::string(type), Json().set("schema", std::move(schema)));
}

Json string_schema() { return Json().set("type", "string"); }

Json parameter(std::string_view name, std::string_view where, bool required) {
  return Json()
      .set("name", name)
      .set("in", where)
      .set("required", required)
      .set("schema", string_schema());
}

Json parameters_of(const ApiRoute& route) {
  Json list = Json::array();
  for (std::string_view part : split(route.pattern, '/'))
    if (part.starts_with('{')) list.push(parameter(part.substr(1, part.size() - 2), "path", true));
  if (!route.query.empty())
    for (std::string_view name : split(route.query, ','))
      list.push(parameter(name, "query", false));
  return list;
}

Json responses_of(const ApiRoute& route) {
  Json ok = Json().set("description", "done");
  if (!route.response_schema.empty())
    ok.set("content", content_of("application/json", reference_to(route.response_schema)));
  Json responses = Json().set("200", ok);
  if (route.response_schema == "Operation")
    responses.set("202", Json(ok).set("description", "accepted; see the operation"));
  responses.set("default", Json()
                               .set("description", "the reason as problem details (RFC 9457)")
                               .set("content", content_of("application/problem+json",
                                                          reference_to("Problem"))));
  return responses;
}

Json operation_of(const ApiRoute& route) {
  Json operation;
  operation.set("operationId", route.id)
      .set("summary", route.summary)
      .set("x-role", route.role == CallerRole::viewer ? "viewer" : "operator");
  Json parameters = parameters_of(route);
  if (!parameters.items().empty()) operation.set("parameters", parameters);
  if (route.body == BodyKind::json)
    operation.set(
        "requestBody",
        Json()
            .set("required", true)
            .set("content", content_of("application/json", reference_to(route.request_schema))));
  if (route.body == BodyKind::archive)
    operation.set("requestBody",
                  Json()
                      .set("required", true)
                      .set("content", content_of("application/octet-stream",
                                                 string_schema().set("format", "binary"))));
  return operation.set("responses", responses_of(route));
}

}  // namespace

Json openapi_document() {
  Json paths = Json::object();
  for (const ApiRoute& route : routes()) {
    std::string pattern(route.pattern);
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    Json path = paths[pattern];
    path.set(method, operation_of(route));
    paths.set(pattern, path);
  }
  return Json()
      .set("openapi", "3.0.3")
      .set("info", Json()
                       .set("title", "Vireo")
                       .set("version", "1")
                       .set("description", "Runs network functions on lightweight virtualization"))
      .set("paths", paths)
      .set("components", Json().set("schemas", component_schemas()));
}

}  // namespace vireo
