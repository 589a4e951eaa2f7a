// SPDX-License-Identifier: Apache-2.0
// The stored form of a service. Members are always all there and in one order, so that equal
// services have equal texts.
#include <fmt/format.h>

#include "base/base64.h"
#include "base/json.h"
#include "model/descriptor.h"
#include "model/scalar_text.h"

namespace vireo {
namespace {

template <class T>
Json texts_of(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values) array.push(to_string(value));
  return array;
}

Json files_of(const std::vector<FileContent>& files) {
  Json array = Json::array();
  for (const FileContent& file : files) {
    bool text = first_not_utf8(file.content) == std::string_view::npos;
    array.push(Json::object()
                   .set("path", file.path)
                   .set(text ? "content" : "base64", text ? file.content : base64(file.content))
                   .set("mode", file.mode));
  }
  return array;
}

Json health_of(const HealthCheck& health) {
  return Json::object()
      .set("kind", static_cast<int>(health.kind))
      .set("port", unsigned{health.port})
      .set("path", health.path)
      .set("command", json_of(health.command))
      .set("interval_ms", static_cast<int64_t>(health.interval.count()))
      .set("timeout_ms", static_cast<int64_t>(health.timeout.count()))
      .set("retries", health.retries);
}

Json port_of(const PortRequest& port) {
  return Json::object()
      .set("link", port.link)
      .set("addresses", texts_of(port.addresses))
      .set("mac", port.mac ? Json(to_string(*port.mac)) : Json())
      .set("broadcast", port.broadcast);
}

Json function_of(const FunctionSpec& function) {
  Json environment = Json::object();
  for (const auto& [name, value] : function.environment) environment.set(name, value);
  Json ports = Json::array();
  for (const PortRequest& port : function.ports) ports.push(port_of(port));
  return Json::object()
      .set("name", function.name)
      .set("image", function.image)
      .set("technologies", json_of(function.technologies))
      .set("command", json_of(function.command))
      .set("environment", std::move(environment))
      .set("files", files_of(function.files))
      .set("cpus", function.resources.cpus)
      .set("memory", function.resources.memory)
      .set("pids", function.resources.pids)
      .set("poll_us", function.resources.poll.count())
      .set("config", function.config_json)
      .set("health", function.health ? health_of(*function.health) : Json())
      .set("restart", static_cast<int>(function.restart))
      .set("ports", std::move(ports));
}

Json link_of(const LinkSpec& link) {
  Json uplink;
  if (link.uplink) uplink.set("interface", link.uplink->interface).set("take", link.uplink->take);
  return Json::object()
      .set("name", link.name)
      .set("subnets", texts_of(link.subnets))
      .set("host", texts_of(link.host_addresses))
      .set("uplink", std::move(uplink));
}

// Parses each text of an array.
template <class T>
Result<std::vector<T>> values_of(const Json& array, Result<T> (*parse)(std::string_view)) {
  std::vector<T> values;
  for (const Json& item : array.items()) values.push_back(TRY(parse(item.text())));
  return values;
}

Result<FileContent> file_from(const Json& json) {
  FileContent file{json["path"].text(), json["content"].text(),
                   static_cast<uint32_t>(json["mode"].integer())};
  if (json.has("base64")) file.content = TRY(from_base64(json["base64"].text()));
  return file;
}

HealthCheck health_from(const Json& json) {
  HealthCheck health;
  health.kind = static_cast<HealthKind>(json["kind"].integer() & 3);
  health.port = static_cast<uint16_t>(json["port"].integer());
  health.path = json["path"].text();
  health.command = strings_of(json["command"]);
  health.interval = std::chrono::milliseconds(json["interval_ms"].integer());
  health.timeout = std::chrono::milliseconds(json["timeout_ms"].integer());
  health.retries = static_cast<unsigned>(json["retries"].integer());
  return health;
}

Result<PortRequest> port_from(const Json& json) {
  PortRequest port;
  port.link = json["link"].text();
  port.addresses = TRY(values_of(json["addresses"], parse_ip));
  if (json["mac"].is_string()) port.mac = TRY(parse_mac(json["mac"].text()));
  port.broadcast = json["broadcast"].boolean();
  return port;
}

Result<FunctionSpec> function_from(const Json& json) {
  FunctionSpec function;
  function.name = json["name"].text();
  function.image = json["image"].text();
  function.technologies = strings_of(json["technologies"]);
  function.command = strings_of(json["command"]);
  for (const auto& [name, value] : json["environment"].members())
    function.environment[name] = value.text();
  for (const Json& file : json["files"].items()) function.files.push_back(TRY(file_from(file)));
  function.resources = {json["cpus"].number(), static_cast<uint64_t>(json["memory"].integer()),
                        static_cast<uint64_t>(json["pids"].integer()),
                        std::chrono::microseconds(json["poll_us"].integer())};
  function.config_json = json["config"].text();
  if (json["health"].is_object()) function.health = health_from(json["health"]);
  int64_t restart = json["restart"].integer();
  if (restart < 0 || restart > static_cast<int>(RestartPolicy::never))
    return Error{Errc::corrupt, "unknown restart policy"};
  function.restart = static_cast<RestartPolicy>(restart);
  for (const Json& port : json["ports"].items()) function.ports.push_back(TRY(port_from(port)));
  return function;
}

Result<LinkSpec> link_from(const Json& json) {
  LinkSpec link;
  link.name = json["name"].text();
  link.subnets = TRY(values_of(json["subnets"], parse_prefix));
  link.host_addresses = TRY(values_of(json["host"], parse_ip));
  const Json& uplink = json["uplink"];
  if (uplink.is_object())
    link.uplink = Uplink{uplink["interface"].text(), uplink["take"].boolean()};
  return link;
}

}  // namespace

std::string to_json(const ServiceSpec& service) {
  Json functions = Json::array();
  for (const FunctionSpec& function : service.functions) functions.push(function_of(function));
  Json links = Json::array();
  for (const LinkSpec& link : service.links) links.push(link_of(link));
  return Json::object()
      .set("name", service.name)
      .set("functions", std::move(functions))
      .set("links", std::move(links))
      .set("chain", json_of(service.chain))
      .dump();
}

Result<ServiceSpec> service_from_json(std::string_view text) {
  Json json = TRY_IN("stored service", parse_json(text));
  ServiceSpec service;
  service.name = json["name"].text();
  if (service.name.empty()) return Error{Errc::corrupt, "a stored service has no name"};
  for (const Json& function : json["functions"].items())
    service.functions.push_back(TRY_IN("stored service", function_from(function)));
  for (const Json& link : json["links"].items())
    service.links.push_back(TRY_IN("stored service", link_from(link)));
  service.chain = strings_of(json["chain"]);
  service.chain_places.resize(service.chain.size());
  return service;
}

}  // namespace vireo
