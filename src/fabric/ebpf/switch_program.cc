// SPDX-License-Identifier: Apache-2.0
#include "fabric/ebpf/switch_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "fabric/ebpf/switch.h"
#include "host/namespace.h"
#include "host/netlink.h"

// The object that clang made of switch.bpf.c.
__asm__(
    ".pushsection .rodata\n"
    ".balign 8\n"
    "vireo_switch_object: .incbin \"" SWITCH_OBJECT
    "\"\n"
    "vireo_switch_object_end:\n"
    ".popsection\n");
extern "C" const char vireo_switch_object[], vireo_switch_object_end[];

namespace vireo {
namespace {

constexpr int loopback = 1;
constexpr uint32_t port_block = 1;

using Object = std::unique_ptr<bpf_object, decltype(&bpf_object__close)>;

Error kernel_error(const std::string& task, int error) {
  return {error == -EPERM ? Errc::denied : Errc::unsupported,
          fmt::format("{}: {}", task, std::strerror(error < 0 ? -error : error))};
}

bpf_tc_hook hook_of(int index) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = index;
  hook.attach_point = BPF_TC_INGRESS;
  return hook;
}

bpf_tc_opts our_filter() {
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = 1;
  options.priority = 1;
  return options;
}

// In the calling thread's namespace. Nothing: there is none.
Fd find_program() {
  libbpf_set_print(nullptr);  // it writes to standard error that there is none
  const bpf_tc_hook hook = hook_of(loopback);
  bpf_tc_opts filter = our_filter();
  if (bpf_tc_query(&hook, &filter) != 0) return {};
  return Fd(::bpf_prog_get_fd_by_id(filter.prog_id));
}

Result<void> attach_here(int index, const Fd& program) {
  bpf_tc_hook hook = hook_of(index);
  if (const int made = bpf_tc_hook_create(&hook); made != 0 && made != -EEXIST)
    return kernel_error(fmt::format("cannot give interface {} a clsact queue", index), made);
  bpf_tc_opts filter = our_filter();
  filter.prog_fd = program.get();
  filter.flags = BPF_TC_F_REPLACE;
  const int made = bpf_tc_attach(&hook, &filter);
  if (made != 0 && made != -EOPNOTSUPP)  // that: its filters are those of a block
    return kernel_error(fmt::format("cannot attach the switch to interface {}", index), made);
  return {};
}

struct ProgramFacts {
  std::array<unsigned char, BPF_TAG_SIZE> tag{};
  std::vector<uint32_t> maps;  // ids
};

Result<ProgramFacts> facts_of(const Fd& program) {
  ProgramFacts facts;
  facts.maps.resize(64);
  bpf_prog_info info{};
  info.nr_map_ids = static_cast<uint32_t>(facts.maps.size());
  info.map_ids = reinterpret_cast<uint64_t>(facts.maps.data());
  uint32_t size = sizeof info;
  if (const int told = bpf_obj_get_info_by_fd(program.get(), &info, &size); told != 0)
    return kernel_error("cannot read about the switch program", told);
  std::memcpy(facts.tag.data(), info.tag, facts.tag.size());
  facts.maps.resize(info.nr_map_ids);
  return facts;
}

Result<std::map<std::string, Fd>> maps_by_name(const std::vector<uint32_t>& ids) {
  std::map<std::string, Fd> maps;
  for (const uint32_t id : ids) {
    Fd map(::bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0)
      return system_error("cannot read about the switch's maps");
    maps[info.name] = std::move(map);
  }
  return maps;
}

Result<std::map<std::string, Fd>> maps_of(const Fd& program) {
  const ProgramFacts facts = TRY(facts_of(program));
  return maps_by_name(facts.maps);
}

// Of whatever version: one that has no such map is not known well enough to be empty.
bool has_rows(const std::map<std::string, Fd>& maps) {
  for (const auto& [name, map] : maps) {
    std::array<unsigned char, 64> key{};  // a link's is a number
    if (!name.starts_with("vireo") || !name.ends_with("_links")) continue;
    return bpf_map_get_next_key(map.get(), nullptr, key.data()) == 0;
  }
  return true;
}

Result<void> go_on_with(bpf_object* object, const std::map<std::string, Fd>& found) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const auto mine = found.find(bpf_map__name(map));
    bpf_map_info info{};
    uint32_t size = sizeof info;
    if (mine == found.end() || bpf_obj_get_info_by_fd(mine->second.get(), &info, &size) != 0 ||
        info.key_size != bpf_map__key_size(map) || info.value_size != bpf_map__value_size(map))
      return Error{Errc::conflict,
                   fmt::format("the links were made by a Vireo whose {} are of another kind: "
                               "remove all services with that one first",
                               bpf_map__name(map))};
    if (const int reused = bpf_map__reuse_fd(map, mine->second.get()); reused != 0)
      return kernel_error("cannot go on with the links that are there", reused);
  }
  return {};
}

Result<Fd> map_of(const bpf_object* object, const char* name) {
  const int fd = bpf_object__find_map_fd_by_name(object, name);
  if (fd < 0) return Error{Errc::internal, fmt::format("the switch has no map {}", name)};
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) return system_error("cannot keep a map");
  return copy;
}

Result<SwitchMaps> maps_of(const bpf_object* object) {
  return SwitchMaps{TRY(map_of(object, SWITCH_PORTS)),     TRY(map_of(object, SWITCH_MACS)),
                    TRY(map_of(object, SWITCH_ADDRESSES)), TRY(map_of(object, SWITCH_LINKS)),
                    TRY(map_of(object, SWITCH_MEMBERS)),   TRY(map_of(object, SWITCH_COUNTERS))};
}

Result<Object> open_object() {
  const auto size = static_cast<size_t>(vireo_switch_object_end - vireo_switch_object);
  Object object(bpf_object__open_mem(vireo_switch_object, size, nullptr), bpf_object__close);
  if (!object) return kernel_error("cannot read the switch program", errno);
  return object;
}

}  // namespace

Result<bool> SwitchProgram::has_links(const Fd& network_namespace) {
  const NamespaceScope scope = TRY(NamespaceScope::enter(network_namespace));
  const Fd program = find_program();
  if (!program) return false;
  return has_rows(TRY(maps_of(program)));
}

Result<SwitchProgram> SwitchProgram::open(const Fd& network_namespace) {
  const NamespaceScope scope = TRY(NamespaceScope::enter(network_namespace));
  Object object = TRY(open_object());
  SwitchProgram made;
  Fd earlier = find_program();
  if (earlier) {
    const std::map<std::string, Fd> maps = TRY(maps_of(earlier));
    const Result<void> same = go_on_with(object.get(), maps);
    if (!same && (same.error().code != Errc::conflict || has_rows(maps))) return same.error();
    // Nothing is lost with the tables of another version that say nothing. Some of them have been
    // taken over by name before the one that differs.
    if (!same) object = TRY(open_object());
  }
  if (const int loaded = bpf_object__load(object.get()); loaded != 0)
    return kernel_error("the kernel does not take the switch program", loaded);
  const bpf_program* program = bpf_object__find_program_by_name(object.get(), "vireo_switch");
  made.maps_ = TRY(maps_of(object.get()));
  made.program_ = Fd(::fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0));
  if (!made.program_) return system_error("cannot keep the switch program");
  if (earlier && TRY(facts_of(earlier)).tag == TRY(facts_of(made.program_)).tag)
    made.program_ = std::move(earlier);
  else
    made.renewed_ = static_cast<bool>(earlier);
  TRY(attach_here(loopback, made.program_));
  if (!made.renewed_) return made;
  NetlinkBatch batch;
  batch.filter_block(port_block, made.program_.get(), true).tolerate(EINVAL);  // no ports: no block
  Netlink netlink = TRY(Netlink::open());
  TRY(netlink.commit(batch));
  return made;
}

// The kernel keeps a list of all blocks of filters and looks through it for each that is made (2 ms
// with some thousand, flow_indr_dev_setup_offload): ports share one.
Result<void> SwitchProgram::attach(Netlink& netlink, const Fd& network_namespace, int index) const {
  NetlinkBatch join, filter;
  const Result<void> joined = netlink.commit(join.join_filter_block(index, port_block));
  if (joined)
    return netlink.commit(filter.filter_block(port_block, program_.get(), false).tolerate(EEXIST));
  if (joined.error().code != Errc::conflict) return joined.error();
  // It has a queue of its own, of an earlier daemon or somebody else, or has joined already.
  const NamespaceScope scope = TRY(NamespaceScope::enter(network_namespace));
  return attach_here(index, program_);
}

}  // namespace vireo
