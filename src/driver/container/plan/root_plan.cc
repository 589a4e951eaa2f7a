// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "driver/container/plan/container_plan.h"
#include "vnf/abi.h"

namespace vireo {

namespace {

std::string_view what(EnterStep step) {
  switch (step) {
    case EnterStep::namespaces:
      return "cannot make the namespaces";
    case EnterStep::identity:
      return "cannot become root of the user namespace";
    case EnterStep::mounts:
      return "cannot make the instance's own mounts";
    case EnterStep::root:
      return "cannot enter the root file system";
    case EnterStep::device_files:
      return "cannot mount /dev: the image's /dev must be a directory";
    case EnterStep::process_files:
      return "cannot mount /proc: the image's /proc must be a directory";
    case EnterStep::system_files:
      return "cannot mount /sys: the image's /sys must be a directory";
    case EnterStep::host_name:
      return "cannot set the host name";
    case EnterStep::limits:
      return "cannot set a resource limit";
    case EnterStep::groups:
      return "cannot change the user or its groups";
    case EnterStep::capabilities:
      return "cannot drop capabilities";
    case EnterStep::no_new_privileges:
      return "cannot forbid new privileges";
    case EnterStep::seccomp:
      return "cannot install the system call filter";
    case EnterStep::descriptors:
      return "cannot install the descriptors";
    case EnterStep::join:
      return "cannot enter the instance's namespaces";
    case EnterStep::terminal:
      return "cannot open a terminal of the instance";
    default:
      return "the parked process lost its order";
  }
}

vnf::AbiAddress abi_address(const IpAddress& address, unsigned length) {
  vnf::AbiAddress abi{};
  abi.family = address.v6 ? 6 : 4;
  abi.prefix_length = static_cast<uint8_t>(length);
  std::copy(address.bytes.begin(), address.bytes.end(), abi.bytes);
  return abi;
}

void copy_text(char* to, size_t size, std::string_view from) {
  std::memcpy(to, from.data(), std::min(from.size(), size - 1));
}

Result<vnf::AbiPort> abi_port(const PortSpec& spec) {
  vnf::AbiPort port{};
  if (spec.addresses.size() > vnf::max_addresses)
    return Error{Errc::invalid, fmt::format("{} has too many addresses", spec.id)};
  copy_text(port.name, sizeof port.name, spec.name);
  port.kind = static_cast<uint8_t>(spec.kind);
  std::copy(spec.mac.bytes.begin(), spec.mac.bytes.end(), port.mac);
  port.mtu = spec.mtu;
  for (const IpPrefix& prefix : spec.addresses)
    port.addresses[port.address_count++] = abi_address(prefix.address, prefix.length);
  for (const IpAddress& gateway : spec.gateways)
    (gateway.v6 ? port.gateway6 : port.gateway4) = abi_address(gateway, gateway.bits());
  // A seed spares a function its first question: what has no room is asked for. Gateways first.
  auto is_gateway = [&](const Neighbour& neighbour) {
    return std::ranges::count(spec.gateways, neighbour.address) != 0;
  };
  for (bool gateways : {true, false})
    for (const Neighbour& neighbour : spec.neighbours) {
      if (is_gateway(neighbour) != gateways || port.neighbour_count == vnf::max_neighbours)
        continue;
      vnf::AbiNeighbour& to = port.neighbours[port.neighbour_count++];
      to.address = abi_address(neighbour.address, neighbour.address.bits());
      std::copy(neighbour.mac.bytes.begin(), neighbour.mac.bytes.end(), to.mac);
    }
  return port;
}

// "default/s/fw.1@3" -> 3
uint64_t generation_of(const InstanceId& id) {
  size_t at = id.rfind('@');
  return at == std::string::npos ? 0
                                 : parse_number(std::string_view(id).substr(at + 1)).value_or(0);
}

}  // namespace

Error enter_error(const EnterReport& report, const EnterRequest& request) {
  auto path = [&](const std::vector<std::string>& paths) {
    return report.index < paths.size() ? paths[report.index] : std::string("?");
  };
  std::string task(what(report.step));
  if (report.step == EnterStep::execute)
    task = fmt::format("cannot run `{}`", request.process.arguments[0]);
  if (report.step == EnterStep::working_directory)
    task = fmt::format("cannot use working directory `{}`", request.process.working_directory);
  if (report.step == EnterStep::writable_path)
    task = fmt::format("cannot make `{}` writable", path(request.writable_paths));
  if (report.step == EnterStep::file && report.index < request.files.size())
    task = fmt::format("cannot put file `{}`", request.files[report.index].path);
  Error error = system_error(task, report.error_number);
  if (report.step == EnterStep::execute || report.step == EnterStep::working_directory)
    error.code = Errc::invalid;  // the image's or the descriptor's fault: trying again cannot help
  return error;
}

Result<std::string> relative_path(const std::string& path) {
  if (!path.starts_with('/'))
    return Error{Errc::invalid, fmt::format("`{}` is not an absolute path", path)};
  std::string relative;
  for (std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return Error{Errc::invalid, fmt::format("`{}` climbs with `..`", path)};
    if (!relative.empty()) relative += '/';
    relative += part;
  }
  return relative;
}

Result<RootNeeds> root_needs(const InstanceSpec& spec) {
  RootNeeds needs{{"dev", "proc", "sys"}, {}};
  auto covered = [](const std::string& path) {
    return path.empty() || path.starts_with("proc/") || path.starts_with("dev/") ||
           path.starts_with("sys/");
  };
  std::string directory = TRY(
      relative_path(spec.process.working_directory.empty() ? "/" : spec.process.working_directory));
  if (!covered(directory)) needs.directories.push_back(directory);
  for (const std::string& path : spec.root.writable_paths) {
    std::string relative = TRY(relative_path(path));
    if (!covered(relative)) needs.directories.push_back(relative);
  }
  for (const FileContent& file : spec.files) {
    std::string relative = TRY(relative_path(file.path));
    if (relative.empty() || covered(relative))
      return Error{Errc::invalid, fmt::format("no file can be put at `{}`", file.path)};
    needs.files.push_back(relative);
  }
  return needs;
}

Result<std::string> encode_identity(const InstanceSpec& spec, const std::string& seed) {
  if (spec.ports.size() > vnf::max_ports)
    return Error{Errc::invalid, fmt::format("a function has at most {} ports", vnf::max_ports)};
  const std::string& config = spec.function->config;
  if (config.size() > vnf::max_config_bytes)
    return Error{Errc::invalid, "the configuration is larger than 1 MiB"};
  vnf::Identity identity{};
  identity.magic = vnf::identity_magic;
  identity.abi = vnf::vnf_abi_version;
  identity.generation = generation_of(spec.id);
  std::memcpy(identity.seed, seed.data(), std::min(seed.size(), sizeof identity.seed));
  copy_text(identity.name, sizeof identity.name, spec.id);
  identity.config_bytes = static_cast<uint32_t>(config.size());
  for (const PortSpec& port : spec.ports)
    identity.ports[identity.port_count++] = TRY(abi_port(port));
  std::string bytes(reinterpret_cast<const char*>(&identity), sizeof identity);
  return bytes + config;
}

}  // namespace vireo
