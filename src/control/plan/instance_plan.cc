// SPDX-License-Identifier: Apache-2.0
#include "control/plan/instance_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/text.h"
#include "model/technology.h"

namespace vireo {
namespace {

// What services of Debian need to drop their rights and to bind their ports, inside their user
// namespace. An image says otherwise with its label org.vireo.capabilities ("A,B" or "").
constexpr std::array<const char*, 8> foreign_capabilities{
    "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER",    "CAP_KILL", "CAP_NET_BIND_SERVICE",
    "CAP_SETGID", "CAP_SETUID",       "CAP_SYS_CHROOT"};

struct SignalName {
  const char* name;
  int number;
};
constexpr std::array<SignalName, 9> signal_names{{{"TERM", SIGTERM},
                                                  {"INT", SIGINT},
                                                  {"QUIT", SIGQUIT},
                                                  {"HUP", SIGHUP},
                                                  {"KILL", SIGKILL},
                                                  {"USR1", SIGUSR1},
                                                  {"USR2", SIGUSR2},
                                                  {"WINCH", SIGWINCH},
                                                  {"PWR", SIGPWR}}};

const std::string* label(const Image& image, std::string_view name) {
  for (const auto& [key, value] : image.labels)
    if (key == name) return &value;
  return nullptr;
}

std::vector<std::string> environment_of(const FunctionSpec& function, const Image& image) {
  std::map<std::string, std::string> values;
  for (const std::string& entry : image.environment) {
    size_t equals = std::min(entry.find('='), entry.size());
    values[entry.substr(0, equals)] = equals < entry.size() ? entry.substr(equals + 1) : "";
  }
  for (const auto& [name, value] : function.environment) values[name] = value;
  if (!image.function)
    values.try_emplace("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  std::vector<std::string> list;
  for (const auto& [name, value] : values) list.push_back(fmt::format("{}={}", name, value));
  return list;
}

ProcessSpec process_of(const FunctionSpec& function, const ResolvedImage& resolved) {
  const Image& image = resolved.image;
  ProcessSpec process;
  process.arguments = function.command;
  if (process.arguments.empty()) {
    process.arguments = image.entry_point;
    process.arguments.insert(process.arguments.end(), image.command.begin(), image.command.end());
  }
  process.environment = environment_of(function, image);
  if (!image.working_directory.empty()) process.working_directory = image.working_directory;
  process.uid = resolved.user.uid;
  process.gid = resolved.user.gid;
  process.groups = resolved.user.groups;
  process.stop_signal = signal_number(image.stop_signal);
  return process;
}

// A foreign image that declares volumes gets a read-only root with those writable; one that
// declares none is run as it is, on a writable root of its own, unless its label says that it
// writes nothing (a writable root costs a start about a millisecond).
RootFileSystem root_of(const Image& image) {
  RootFileSystem root;
  root.layers = image.layers;
  const std::string* said = label(image, "org.vireo.root");
  const bool writes_nothing = said != nullptr && *said == "read-only";
  if (image.function || (writes_nothing && image.volumes.empty())) return root;
  root.writable = image.volumes.empty();
  if (root.writable) return root;
  root.writable_paths = image.volumes;
  for (const char* path : {"/run", "/tmp"})
    if (std::ranges::find(root.writable_paths, path) == root.writable_paths.end())
      root.writable_paths.emplace_back(path);
  return root;
}

std::vector<std::string> capabilities_of(const Image& image) {
  if (const std::string* text = label(image, "org.vireo.capabilities")) {
    std::vector<std::string> names;
    for (std::string_view name : split(*text, ','))
      if (!name.empty()) names.emplace_back(name);
    return names;
  }
  if (image.function) return {};
  return {foreign_capabilities.begin(), foreign_capabilities.end()};
}

// Of the key itself, else of what it should be in.
SourcePlace place_of(const FunctionSpec& function, std::string path) {
  while (!path.empty()) {
    auto found = function.config_places.find(path);
    if (found != function.config_places.end()) return found->second;
    const size_t end = path.find_last_of(".[");
    path.resize(end == std::string::npos ? 0 : end);
  }
  return function.config_place.line > 0 ? function.config_place : function.place;
}

FunctionStart start_of(const FunctionSpec& function, const FunctionType& type,
                       std::vector<Finding>& findings) {
  EncodedConfig encoded = encode_config(type, function.config_json);
  for (const ConfigError& error : encoded.errors)
    findings.push_back(
        {place_of(function, error.path), 1,
         fmt::format("config of `{}`{}: {}", function.name,
                     error.path.empty() ? "" : ", `" + error.path + "`", error.message),
         error.fix});
  return {std::move(encoded.bytes), type.state_version,
          static_cast<unsigned>(type.counters.size())};
}

std::string number_text(double value) {
  return value == 0 ? "no limit" : fmt::format("{:g}", value);
}

std::string restart_text(RestartPolicy policy) {
  static constexpr std::array<const char*, 3> names{"always", "on-failure", "never"};
  return names.at(static_cast<size_t>(policy));
}

std::string health_text(const std::optional<HealthCheck>& check) {
  if (!check) return "none asked for";
  std::string what = "heartbeat";
  if (check->kind == HealthKind::tcp) what = fmt::format("tcp {}", check->port);
  if (check->kind == HealthKind::http) what = fmt::format("http :{}{}", check->port, check->path);
  if (check->kind == HealthKind::exec)
    what = fmt::format("exec {}", fmt::join(check->command, " "));
  return fmt::format("{} every {} ms, {} ms to answer, {} failures", what, check->interval.count(),
                     check->timeout.count(), check->retries);
}

}  // namespace

int signal_number(const std::string& text) {
  std::string name = text.starts_with("SIG") ? text.substr(3) : text;
  for (const SignalName& known : signal_names)
    if (name == known.name) return known.number;
  Result<uint64_t> number = parse_number(name);
  return number && *number > 0 && *number < 65 ? static_cast<int>(*number) : SIGTERM;
}

InstanceSpec plan_instance(const FunctionSpec& function, const ResolvedImage& resolved,
                           std::vector<Finding>& findings) {
  InstanceSpec instance;
  instance.host_name = function.name;
  instance.image_digest = resolved.image.digest;
  instance.root = root_of(resolved.image);
  instance.process = process_of(function, resolved);
  if (instance.process.arguments.empty())
    findings.push_back(
        {function.image_place.line > 0 ? function.image_place : function.place, 1,
         fmt::format("image `{}` names no program to start", function.image),
         fmt::format("say which: `{}: {{ command: [/path/to/program] }}`", function.name)});
  instance.resources = function.resources;
  instance.files = function.files;
  instance.capabilities = capabilities_of(resolved.image);
  if (resolved.image.function)
    instance.function = start_of(function, *resolved.image.function, findings);
  else if (!function.config_json.empty())
    findings.push_back(
        {function.config_place.line > 0 ? function.config_place : function.place, 1,
         fmt::format("`{}` has a `config`, but its image is no libvnf function", function.name),
         "configure it by `files`, `environment` or `command`"});
  return instance;
}

std::string hosts_file(const std::string& service, const std::vector<DesiredFunction>& functions) {
  std::string text = "127.0.0.1 localhost\n::1 localhost\n";
  for (const DesiredFunction& function : functions)
    for (const PortSpec& port : function.instance.ports)
      for (const IpPrefix& own : port.addresses)
        text += fmt::format("{} {} {}.{}\n", to_string(own.address), function.name, function.name,
                            service);
  return text;
}

Facets function_facets(const FunctionSpec& function, const InstanceSpec& instance) {
  Facets facets;
  facets["technology"] = instance.technology;
  facets["image"] = fmt::format("{} {}", function.image, instance.image_digest);
  facets["cpus"] = number_text(instance.resources.cpus);
  facets[is_machine(instance.technology) ? "machine memory" : "memory"] =
      instance.resources.memory == 0 ? "no limit" : bytes_text(instance.resources.memory);
  facets["pids"] = number_text(static_cast<double>(instance.resources.pids));
  facets["poll"] = fmt::format("{} us", instance.resources.poll.count());
  facets["command"] = fmt::format("{}", fmt::join(instance.process.arguments, " "));
  facets["environment"] = fmt::format("{}", fmt::join(instance.process.environment, " "));
  std::string files;
  for (const FileContent& file : function.files)
    files += fmt::format("{}:{:o}:{}:{}", file.path, file.mode, file.content.size(), file.content);
  facets["files"] = short_hash(files);
  facets["config"] = short_hash(instance.function ? instance.function->config : "");
  std::string ports;
  for (const PortSpec& port : instance.ports) {
    ports += fmt::format("{} {} {}", port.link, to_string(port.mac), port.broadcast ? "all " : "");
    for (const IpPrefix& own : port.addresses) ports += to_string(own) + " ";
  }
  facets["ports"] = ports;
  facets["restart"] = restart_text(function.restart);
  facets["health"] = health_text(function.health);
  facets.merge(wiring_facets(instance.ports));
  return facets;
}

}  // namespace vireo
