// SPDX-License-Identifier: Apache-2.0
#include "driver/function_start.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "host/files.h"
#include "vnf/abi.h"

namespace vireo {

namespace {

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

Result<std::string> random_seed() {
  std::string seed(32, '\0');
  if (::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size()))
    return system_error("cannot get random bytes");
  return seed;
}

}  // namespace

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
  identity.spin_microseconds = static_cast<uint32_t>(spec.resources.poll.count());
  identity.config_bytes = static_cast<uint32_t>(config.size());
  for (const PortSpec& port : spec.ports)
    identity.ports[identity.port_count++] = TRY(abi_port(port));
  std::string bytes(reinterpret_cast<const char*>(&identity), sizeof identity);
  return bytes + config;
}

Result<Fd> make_vitals() {
  Fd memory(::memfd_create("vireo-vitals", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory || ::ftruncate(memory.get(), vnf::vitals_bytes) != 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return system_error("cannot make a vitals page");
  return memory;
}

Result<std::string> make_identity(const InstanceSpec& spec) {
  std::string seed = TRY(random_seed());
  return encode_identity(spec, seed);
}

Result<FunctionMemory> make_function_memory(const InstanceSpec& spec) {
  FunctionMemory memory;
  memory.vitals = TRY(make_vitals());
  std::string bytes = TRY(make_identity(spec));
  memory.identity = TRY(sealed_memory("vireo-identity", bytes));
  return memory;
}

Result<Fd> read_only_vitals(const Fd& vitals) {
  int fd = ::open(fmt::format("/proc/self/fd/{}", vitals.get()).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("cannot open a vitals page");
  return Fd(fd);
}

bool says_ready(const Fd& vitals) {
  vnf::Vitals page{};
  return ::pread(vitals.get(), &page, sizeof page, 0) == static_cast<ssize_t>(sizeof page) &&
         page.magic == vnf::vitals_magic &&
         page.state == static_cast<uint32_t>(vnf::FunctionState::ready);
}

}  // namespace vireo
