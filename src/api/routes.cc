// SPDX-License-Identifier: Apache-2.0
#include "api/routes.h"

#include <array>

#include "api/api.h"
#include "base/text.h"

namespace vireo {
namespace {

using enum BodyKind;
constexpr CallerRole viewer = CallerRole::viewer, operator_ = CallerRole::operator_;

constexpr std::array table{
    ApiRoute{"GET", "/healthz", "health", "Is the daemon alive", none, "", "Health", "", viewer,
             &Api::health},
    ApiRoute{"GET", "/metrics", "metrics", "Prometheus metrics", none, "", "", "only", viewer,
             &Api::metrics},
    ApiRoute{"GET", "/v1/version", "version", "Version of daemon and API", none, "", "Version", "",
             viewer, &Api::version},
    ApiRoute{"GET", "/v1/openapi.json", "openapi", "This document", none, "", "", "", viewer,
             &Api::openapi},
    ApiRoute{"GET", "/v1/schema", "schema", "JSON Schema of the descriptor", none, "", "",
             "section", viewer, &Api::schema},
    ApiRoute{"GET", "/v1/host", "host", "What this host can run, and what is missing", none, "",
             "Host", "", viewer, &Api::host},
    ApiRoute{"POST", "/v1/plan", "plan", "What a descriptor would change", json, "Submission",
             "Plan", "", viewer, &Api::plan},
    ApiRoute{"GET", "/v1/services", "list_services", "All services", none, "", "ServiceList", "",
             viewer, &Api::list_services},
    ApiRoute{"PUT", "/v1/services/{service}", "run_service", "Run or change a service", json,
             "Submission", "Operation", "wait", operator_, &Api::run_service},
    ApiRoute{"GET", "/v1/services/{service}", "get_service", "One service, all of it", none, "",
             "Service", "", viewer, &Api::get_service},
    ApiRoute{"DELETE", "/v1/services/{service}", "remove_service", "Stop and remove a service",
             none, "", "Operation", "wait", operator_, &Api::remove_service},
    ApiRoute{"POST", "/v1/services/{service}/{verb}", "change_service",
             "stop, start, restart, pause or resume all functions of a service", none, "",
             "Operation", "wait", operator_, &Api::change},
    ApiRoute{"GET", "/v1/functions", "list_functions", "Functions, a row each", none, "",
             "FunctionList", "service", viewer, &Api::list_functions},
    ApiRoute{"GET", "/v1/services/{service}/functions/{function}", "get_function",
             "One function, all of it", none, "", "Function", "", viewer, &Api::get_function},
    ApiRoute{"POST", "/v1/services/{service}/functions/{function}/exec", "exec",
             "Run a process in an instance (upgrade to vireo-exec frames)", json, "Exec", "", "",
             operator_, &Api::exec},
    ApiRoute{"POST", "/v1/services/{service}/functions/{function}/{verb}", "change_function",
             "stop, start, restart, pause or resume a function", none, "", "Operation", "wait",
             operator_, &Api::change},
    ApiRoute{"GET", "/v1/services/{service}/functions/{function}/logs", "logs",
             "Output of a function, a JSON line each", none, "", "LogLine", "tail,since,follow",
             viewer, &Api::logs},
    ApiRoute{"GET", "/v1/operations", "list_operations", "Operations, newest last", none, "",
             "OperationList", "service", viewer, &Api::list_operations},
    ApiRoute{"GET", "/v1/operations/{operation}", "get_operation", "One operation", none, "",
             "Operation", "wait", viewer, &Api::get_operation},
    ApiRoute{"GET", "/v1/events", "events", "Events as a text/event-stream", none, "", "Event",
             "since,follow,service", viewer, &Api::events},
    ApiRoute{"GET", "/v1/images", "list_images", "All images", none, "", "ImageList", "", viewer,
             &Api::list_images},
    ApiRoute{"POST", "/v1/images", "import_image", "Import an archive", archive, "", "Operation",
             "reference,settings,wait", operator_, &Api::import_image},
    ApiRoute{"GET", "/v1/images/{reference}", "get_image", "One image", none, "", "Image", "",
             viewer, &Api::get_image},
    ApiRoute{"DELETE", "/v1/images/{reference}", "remove_image", "Remove an image", none, "", "",
             "", operator_, &Api::remove_image},
    ApiRoute{"POST", "/v1/image-builds", "build_images", "Build images of Vireo's own functions",
             json, "ImageBuild", "Operation", "wait", operator_, &Api::build_images},
};

bool is_parameter(std::string_view part) { return part.starts_with('{'); }

// Takes the first part of `path`, which becomes what is behind it: nothing after the last.
std::string_view take_part(std::optional<std::string_view>& path) {
  const size_t slash = path->find('/');
  const std::string_view part = path->substr(0, slash);
  if (slash == std::string_view::npos)
    path.reset();
  else
    path->remove_prefix(slash + 1);
  return part;
}

// Whether both have as many parts, and `fits(wanted, given)` says yes of each pair.
bool all_parts(std::string_view pattern, std::string_view path, const auto& fits) {
  std::optional wanted = pattern, given = path;
  while (wanted && given)
    if (!fits(take_part(wanted), take_part(given))) return false;
  return !wanted && !given;
}

// The parameters of `path` under `pattern`; nothing when it is another path. Nearly all are, of
// every request, so that is found out first and takes no memory.
std::optional<std::map<std::string, std::string>> match(std::string_view pattern,
                                                        std::string_view path) {
  const auto same = [](std::string_view wanted, std::string_view given) {
    return is_parameter(wanted) || wanted == given;
  };
  if (!all_parts(pattern, path, same)) return {};
  std::map<std::string, std::string> params;
  const auto take = [&](std::string_view wanted, std::string_view given) {
    if (!is_parameter(wanted)) return true;
    auto value = percent_decode(given);
    if (!value || value->empty()) return false;
    params[std::string(wanted.substr(1, wanted.size() - 2))] = *std::move(value);
    return true;
  };
  if (!all_parts(pattern, path, take)) return {};
  return params;
}

}  // namespace

std::span<const ApiRoute> routes() { return table; }

RouteMatch find_route(std::string_view method, std::string_view path) {
  RouteMatch found;
  for (const ApiRoute& route : table) {
    auto params = match(route.pattern, path);
    if (!params) continue;
    if (route.method == method) return {&route, *params, {}};
    if (!found.allowed.empty()) found.allowed += ", ";
    found.allowed += route.method;
  }
  return found;
}

Result<std::string> percent_decode(std::string_view text) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
    int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return Error{Errc::invalid, "broken percent escape in the address"};
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::map<std::string, std::string> parse_query(std::string_view query) {
  std::map<std::string, std::string> values;
  if (query.empty()) return values;
  for (std::string_view pair : split(query, '&')) {
    size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals));
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (name && value) values[*name] = *value;
  }
  return values;
}

}  // namespace vireo
