// SPDX-License-Identifier: Apache-2.0
#include "model/descriptor_read.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "model/finding.h"
#include "model/shape_check.h"

namespace vireo {
namespace {

std::string text_of(const YamlNode* node) {
  return node != nullptr && node->is_scalar() ? node->value : std::string();
}

bool is_true(const YamlNode* node) {
  return node != nullptr && node->kind == YamlKind::boolean && json_of(*node).boolean();
}

SourcePlace place_of(const YamlNode* node) { return node != nullptr ? node->place : SourcePlace{}; }

// Of all keys and list items below, by their paths: "rules[2].port".
void note_places(const YamlNode& node, const std::string& path,
                 std::map<std::string, SourcePlace>& places) {
  for (const auto& [key, value] : node.members) {
    const std::string below = path.empty() ? key.value : path + "." + key.value;
    places[below] = key.place;
    note_places(value, below, places);
  }
  for (size_t i = 0; i < node.items.size(); i++) {
    const std::string below = fmt::format("{}[{}]", path, i);
    places[below] = node.items[i].place;
    note_places(node.items[i], below, places);
  }
}

std::vector<std::string> texts_of(const YamlNode* node) {
  std::vector<std::string> texts;
  for (const YamlNode* item : one_or_more(node))
    if (item->is_scalar()) texts.push_back(item->value);
  return texts;
}

std::vector<IpAddress> addresses_of(const YamlNode* node) {
  std::vector<IpAddress> addresses;
  for (const std::string& text : texts_of(node))
    if (auto address = parse_ip(text)) addresses.push_back(*address);
  return addresses;
}

template <class Unit>
Unit duration_of(const YamlNode* node, Unit fallback) {
  auto parsed = parse_duration(text_of(node));
  return parsed ? std::chrono::duration_cast<Unit>(*parsed) : fallback;
}

uint64_t count_of(const YamlNode* node, uint64_t fallback) {
  auto integer = node != nullptr ? integer_of(*node) : std::nullopt;
  return integer && *integer >= 0 ? static_cast<uint64_t>(*integer) : fallback;
}

Resources resources_of(const YamlNode& node) {
  Resources resources;
  if (const YamlNode* cpus = node.find("cpus")) resources.cpus = json_of(*cpus).number();
  resources.memory = parse_bytes(text_of(node.find("memory"))).value_or(0);
  resources.pids = count_of(node.find("pids"), 0);
  resources.poll = duration_of(node.find("poll"), resources.poll);
  return resources;
}

HealthCheck health_of(const YamlNode& node) {
  HealthCheck health;
  if (const YamlNode* tcp = node.find("tcp")) {
    health.kind = HealthKind::tcp;
    health.port = static_cast<uint16_t>(count_of(tcp, 0));
  } else if (const YamlNode* http = node.find("http")) {
    health.kind = HealthKind::http;
    health.path = text_of(http);
    health.port = static_cast<uint16_t>(count_of(node.find("port"), 80));
  } else if (const YamlNode* exec = node.find("exec")) {
    health.kind = HealthKind::exec;
    health.command = texts_of(exec);
  }
  health.interval = duration_of(node.find("interval"), health.interval);
  health.timeout = duration_of(node.find("timeout"), health.timeout);
  health.retries = static_cast<unsigned>(count_of(node.find("retries"), health.retries));
  return health;
}

PortRequest port_of(const YamlNode& node) {
  PortRequest port;
  port.place = node.place;
  if (node.is_scalar()) {
    port.link = node.value;
    return port;
  }
  port.link = text_of(node.find("link"));
  port.addresses = addresses_of(node.find("address"));
  if (auto mac = parse_mac(text_of(node.find("mac")))) port.mac = *mac;
  port.broadcast = is_true(node.find("broadcast"));
  return port;
}

RestartPolicy restart_of(const std::string& word) {
  if (word == "on-failure") return RestartPolicy::on_failure;
  return word == "never" ? RestartPolicy::never : RestartPolicy::always;
}

class Reader {
 public:
  Reader(const LocalFileReader& read_file, std::vector<Finding>& findings)
      : read_file_(read_file), findings_(findings) {}

  FileContent file(const std::string& path, const YamlNode& node) {
    FileContent file{path, {}, 0644};
    if (node.is_scalar()) {
      file.content = node.value;
      return file;
    }
    if (const YamlNode* mode = node.find("mode"))
      std::from_chars(mode->value.data(), mode->value.data() + mode->value.size(), file.mode, 8);
    if (const YamlNode* from = node.find("from"); from != nullptr && from->is_scalar())
      file.content = local_content(*from);
    else
      file.content = text_of(node.find("content"));
    return file;
  }

  FunctionSpec function(const YamlNode& key, const YamlNode& node) {
    FunctionSpec spec;
    spec.name = key.value;
    spec.image = text_of(node.find("image"));
    spec.technologies = texts_of(node.find("technology"));
    // Without the advisor of a later version there is one technology to choose.
    if (spec.technologies == std::vector<std::string>{"auto"}) spec.technologies.clear();
    spec.command = texts_of(node.find("command"));
    if (const YamlNode* environment = node.find("environment"))
      for (const auto& [name, value] : environment->members)
        spec.environment[name.value] = text_of(&value);
    if (const YamlNode* files = node.find("files"))
      for (const auto& [path, value] : files->members)
        spec.files.push_back(file(path.value, value));
    if (const YamlNode* limits = node.find("resources")) {
      spec.resources = resources_of(*limits);
      spec.memory_place = place_of(limits->find("memory"));
    }
    if (const YamlNode* config = node.find("config")) {
      spec.config_json = json_of(*config).dump();
      note_places(*config, "", spec.config_places);
    }
    if (const YamlNode* health = node.find("health")) spec.health = health_of(*health);
    spec.restart = restart_of(text_of(node.find("restart")));
    for (const YamlNode* port : one_or_more(node.find("ports")))
      spec.ports.push_back(port_of(*port));
    spec.place = key.place;
    spec.image_place = place_of(node.find("image"));
    spec.technology_place = place_of(node.find("technology"));
    spec.config_place = place_of(node.find("config"));
    return spec;
  }

 private:
  std::string local_content(const YamlNode& from) {
    auto content = read_file_(from.value);
    if (content) return *std::move(content);
    findings_.push_back(
        {from.place, from.length, content.error().message, "names are relative to the descriptor"});
    return {};
  }

  const LocalFileReader& read_file_;
  std::vector<Finding>& findings_;
};

LinkSpec link_of(const YamlNode& key, const YamlNode& node) {
  LinkSpec link;
  link.name = key.value;
  link.place = key.place;
  for (const std::string& text : texts_of(node.find("subnet")))
    if (auto subnet = parse_prefix(text)) link.subnets.push_back(*subnet);
  link.host_addresses = addresses_of(node.find("host"));
  if (const YamlNode* uplink = node.find("uplink")) {
    bool plain = uplink->is_scalar();
    link.uplink = Uplink{text_of(plain ? uplink : uplink->find("interface")),
                         !plain && is_true(uplink->find("take"))};
  }
  return link;
}

}  // namespace

std::vector<const YamlNode*> one_or_more(const YamlNode* node) {
  std::vector<const YamlNode*> nodes;
  if (node == nullptr || node->kind == YamlKind::null) return nodes;
  if (node->kind != YamlKind::list) return {node};
  for (const YamlNode& item : node->items) nodes.push_back(&item);
  return nodes;
}

ServiceSpec read_service(const YamlNode& root, const LocalFileReader& read_file,
                         std::vector<Finding>& findings) {
  ServiceSpec service;
  service.name = text_of(root.find("service"));
  Reader reader(read_file, findings);
  if (const YamlNode* functions = root.find("functions"))
    for (const auto& [key, node] : functions->members)
      service.functions.push_back(reader.function(key, node));
  if (const YamlNode* links = root.find("links"))
    for (const auto& [key, node] : links->members) service.links.push_back(link_of(key, node));
  for (const YamlNode* element : one_or_more(root.find("chain"))) {
    service.chain.push_back(text_of(element));
    service.chain_places.push_back(element->place);
  }
  return service;
}

}  // namespace vireo
