// SPDX-License-Identifier: Apache-2.0
// The REST API as one table: a row is a route. The router, the OpenAPI document and the rights all
// come from it.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/exchange.h"

namespace vireo {

class Api;

enum class CallerRole { viewer, operator_ };  // who may call
enum class BodyKind { none, json, archive };  // archive: spooled to a file, no limit but the disk's

struct ApiRoute {
  std::string_view method;
  std::string_view pattern;  // "/v1/services/{service}"
  std::string_view id;       // OpenAPI operationId
  std::string_view summary;
  BodyKind body;
  std::string_view request_schema, response_schema;  // names under components/schemas, or ""
  std::string_view query;                            // "wait,follow": the parameters it knows
  CallerRole role;
  void (Api::*handler)(const ExchangePtr&);
};

std::span<const ApiRoute> routes();

struct RouteMatch {
  const ApiRoute* route = nullptr;  // none: see `allowed`
  std::map<std::string, std::string> params;
  std::string allowed;  // methods of the path when the method is wrong
};
RouteMatch find_route(std::string_view method, std::string_view path);

// "%2F" -> "/"; Errc::invalid for a broken escape.
Result<std::string> percent_decode(std::string_view text);
std::map<std::string, std::string> parse_query(std::string_view query);

// The OpenAPI 3.0 document of the table.
Json openapi_document();

}  // namespace vireo
