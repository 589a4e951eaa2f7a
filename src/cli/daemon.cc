// SPDX-License-Identifier: Apache-2.0
#include "cli/daemon.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/text.h"

namespace vireo {

Error error_of(const Json& problem, unsigned status) {
  std::string text;
  for (const Json& finding : problem["findings"].items()) text += finding["text"].text();
  Errc code = status == 404   ? Errc::not_found
              : status == 409 ? Errc::conflict
              : status == 504 ? Errc::timed_out
                              : Errc::invalid;
  if (!text.empty()) return {code, text};
  std::string detail = problem["detail"].text();
  if (detail.empty()) detail = fmt::format("the daemon answered with status {}", status);
  if (problem["operation"].is_string())
    detail += fmt::format(" (operation {})", problem["operation"].text());
  return {code, detail};
}

Error Daemon::explain(Error error) const {
  if (::access(socket_.c_str(), F_OK) != 0 || error.code == Errc::unavailable)
    error.message += "\nIs the daemon running?  start `vireod`, or use `vireo --local ...`";
  else if (error.code == Errc::denied)
    error.message += "\nusers of the group `vireo` may talk to the daemon";
  return error;
}

Result<Json> Daemon::read(Result<HttpAnswer> answer) {
  if (!answer) return explain(std::move(answer).error());
  if (answer->status == 204) return Json();
  auto json = parse_json(answer->body);
  if (answer->status >= 300) return error_of(json ? *json : Json(), answer->status);
  if (!json) return Error{Errc::corrupt, "the daemon's answer is not JSON"};
  return json;
}

Result<Json> Daemon::call(std::string_view method, std::string_view target, std::string_view body) {
  return read(client_.request(method, target, body));
}

Result<Json> Daemon::upload(std::string_view target, const Fd& archive, uint64_t size,
                            const std::function<bool(uint64_t)>& progress) {
  return read(client_.upload(target, archive, size, progress));
}

Result<void> Daemon::stream(std::string_view target,
                            const std::function<bool(std::string_view)>& piece) {
  auto answer = client_.stream(target, piece);
  if (!answer) return explain(std::move(answer).error());
  if (answer->status == 200) return {};
  return error_of(parse_json(answer->body).value_or(Json()), answer->status);
}

Result<Fd> Daemon::upgrade(std::string_view target, std::string_view protocol,
                           std::string_view body, std::string& received) {
  auto connection = client_.upgrade(target, protocol, body, received);
  if (connection) return connection;
  auto problem = parse_json(connection.error().message);
  if (problem && problem->is_object())
    return error_of(*problem, static_cast<unsigned>((*problem)["status"].integer(400)));
  return explain(std::move(connection).error());
}

Result<std::string> unique_name(const std::string& prefix, const std::vector<std::string>& names,
                                std::string_view what) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    if (name == prefix) return name;
    if (name.starts_with(prefix)) found.push_back(name);
  }
  if (found.size() == 1) return found[0];
  if (found.size() > 1)
    return Error{Errc::invalid, fmt::format("`{}` could be each of the {}s {}", prefix, what,
                                            fmt::join(found, ", "))};
  std::string near = nearest(prefix, names);
  std::string fix = near.empty() ? "" : fmt::format("\ndid you mean `{}`?", near);
  return Error{Errc::not_found, fmt::format("no {} `{}`{}", what, prefix, fix)};
}

static std::vector<std::string> keys_of(const std::map<std::string, Json>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

std::string Target::path() const {
  std::string path = "/v1/services/" + percent_encode(service);
  return function.empty() ? path : path + "/functions/" + percent_encode(function);
}

Result<std::vector<std::string>> service_names(Daemon& daemon) {
  std::vector<std::string> names;
  Json services = TRY(daemon.get("/v1/services"));
  for (const Json& service : services.items()) names.push_back(service["name"].text());
  return names;
}

Result<Target> find_port(Daemon& daemon, const std::string& text) {
  const size_t slash = text.find('/');
  Target target;
  std::vector<std::string> services = TRY(service_names(daemon));
  target.service = TRY(unique_name(text.substr(0, slash), services, "service"));
  if (slash == std::string::npos) return target;
  std::string name = text.substr(slash + 1);
  const size_t colon = std::min(name.find(':'), name.size());
  const std::string port = name.substr(std::min(colon + 1, name.size()));
  const size_t dot = std::min(name.find('.'), colon);
  const std::string instance = name.substr(dot, colon - dot);
  std::map<std::string, Json> functions;
  Json rows = TRY(daemon.get("/v1/functions?service=" + percent_encode(target.service)));
  for (const Json& row : rows.items())
    functions[row["function"].text().substr(target.service.size() + 1)] = row;
  target.function = TRY(unique_name(name.substr(0, dot), keys_of(functions), "function"));
  if (instance != "" && instance != ".1")
    return Error{Errc::not_found,
                 fmt::format("`{}/{}` has one instance, `{}.1`; there is no `{}`", target.service,
                             target.function, target.function, instance)};
  if (colon == name.size()) return target;
  std::vector<std::string> ports;
  for (const Json& one : functions[target.function]["ports"].items())
    ports.push_back(one["name"].text());
  target.port = TRY(unique_name(port, ports, "port"));
  return target;
}

Result<Target> find_target(Daemon& daemon, const std::string& text) {
  if (text.find(':') == std::string::npos) return find_port(daemon, text);
  return Error{Errc::invalid,
               fmt::format("`{}` names a port; here a service or function is meant", text)};
}

}  // namespace vireo
