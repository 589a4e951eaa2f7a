// SPDX-License-Identifier: Apache-2.0
// The links of EbpfFabric: a row and its members, the host's own interface, the uplink.
#include <fmt/format.h>

#include <algorithm>

#include "fabric/ebpf/ebpf_fabric.h"
#include "fabric/uplink.h"
#include "host/files.h"

namespace vireo {

Result<void> EbpfFabric::write_link(const EbpfLink& link) {
  SwitchLink row{};
  row.mtu = link.request.mtu;
  link.request.id.copy(row.id, sizeof row.id - 1);
  uint32_t outward = 0;
  for (const auto& [index, leads_outward] : link.members) {
    TRY(tables_.enter_member(link.number, row.members++, index));
    if (leads_outward) row.outward = outward++ == 0 ? static_cast<uint32_t>(index) : 0;
  }
  return tables_.enter_link(link.number, row);
}

Result<void> EbpfFabric::set_member(EbpfLink& link, int index, const SwitchPort& port) {
  if (!port.broadcast) {
    remove_member(link, index);
    return {};
  }
  link.members[index] = port.outward;
  return write_link(link);
}

void EbpfFabric::remove_member(EbpfLink& link, int index) {
  if (link.members.erase(index) != 0) (void)write_link(link);
}

Result<void> EbpfFabric::ensure_link(const LinkRequest& request) {
  const std::lock_guard lock(mutex_);
  const std::string task = "link " + request.id;
  if (request.id.size() >= sizeof SwitchLink{}.id)
    return Error{Errc::invalid, fmt::format("{}: the name is too long by {} bytes", task,
                                            request.id.size() - sizeof SwitchLink{}.id + 1)};
  if (!links_.contains(request.id)) {
    EbpfLink made;
    made.request = {request.id, request.mtu};
    made.number = next_link_++;
    TRY_IN(task, write_link(made));
    links_[request.id] = made;
  }
  EbpfLink& link = links_[request.id];
  if (link.request.mtu != request.mtu) {
    link.request.mtu = request.mtu;
    TRY_IN(task, write_link(link));
  }
  TRY_IN(task, update_host(link, request));
  TRY_IN(task, update_uplink(link, request));
  return {};
}

// Labelled last: an interface with a label is whole. A device of hardware drops what is not for its
// own MAC unless it is promiscuous.
Join EbpfFabric::join_link(bool uplink) {
  return [this, uplink](int index, const std::string& alias) -> Result<void> {
    TRY(attach(fabric_, index));
    LinkChange change{.index = index, .up = true, .alias = alias};
    if (uplink) change.promiscuous = true;
    NetlinkBatch batch;
    return fabric_.commit(batch.change_link(change));
  };
}

Result<void> EbpfFabric::enter_outward(EbpfLink& link, EbpfOutward& outward, SwitchEntry entry) {
  const int index = outward.end.index;
  entry.port.link = link.number;
  entry.port.open = entry.port.broadcast = entry.port.routes = 1;
  entry.port.slot = outward.entered() ? outward.entry.port.slot : TRY(tables_.new_slot());
  tables_.withdraw(index, outward.entry, entry);
  TRY(tables_.enter(index, entry, true));
  outward.entry = std::move(entry);
  return set_member(link, index, outward.entry.port);
}

void EbpfFabric::drop_outward(EbpfLink& link, EbpfOutward& outward) {
  if (outward.end.index == 0) return;
  if (outward.entered()) tables_.remove(outward.end.index, outward.entry);
  remove_member(link, outward.end.index);
  outward = {};
}

Result<void> EbpfFabric::update_host(EbpfLink& link, const LinkRequest& wanted) {
  if (wanted.host_addresses.empty()) {
    const int index = link.host.end.index;
    drop_outward(link, link.host);
    if (index != 0) reaper_.add({index, 0, {}});
    link.request.host_addresses.clear();
    return {};
  }
  if (link.host.end.index == 0) {
    const HostEndRequest request{wanted.id, next_index_++, wanted.mtu, wanted.host_mac};
    link.host.end = TRY(make_host_end(host_side(), request, join_link(false)));
  }
  TRY(address_host_end(host_, link.host.end, link.request, wanted));
  link.request.host_addresses = wanted.host_addresses;
  link.request.host_mac = TRY(host_.link(link.host.end.name)).mac;
  SwitchEntry entry;
  entry.port.peer = 1;
  std::copy_n(link.request.host_mac.bytes.begin(), 6, entry.port.mac);
  entry.macs = {link.request.host_mac};
  for (const IpPrefix& own : wanted.host_addresses)
    entry.addresses.push_back({own.address, link.request.host_mac});
  return enter_outward(link, link.host, std::move(entry));
}

Result<void> EbpfFabric::update_uplink(EbpfLink& link, const LinkRequest& wanted) {
  if (link.request.uplink == wanted.uplink) return {};
  if (link.request.uplink) TRY(drop_uplink(link));
  if (!wanted.uplink) return {};
  const HostEndRequest request{link.request.id, next_index_++, link.request.mtu};
  const int index = TRY(connect_uplink(host_side(), *wanted.uplink, request, join_link(true)));
  link.uplink.end = {index, wanted.uplink->interface};
  link.request.uplink = wanted.uplink;
  SwitchEntry entry;
  entry.port.outward = 1;
  return enter_outward(link, link.uplink, std::move(entry));
}

Result<void> EbpfFabric::drop_uplink(EbpfLink& link) {
  const int index = link.uplink.end.index;
  if (exists(saved_path(place_.state_directory, link.request.id)))
    TRY(give_back_interface(host_side(), link.request.id));
  else if (index != 0)
    reaper_.add({index, 0, {}});
  drop_outward(link, link.uplink);
  link.request.uplink.reset();
  return {};
}

Result<void> EbpfFabric::remove_link(const LinkId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = links_.find(id);
  if (found == links_.end()) return {};
  EbpfLink& link = found->second;
  // The kernel's list of all interfaces is long: it is asked for only when it matters.
  if (!check_unused(id)) TRY(forget_gone());
  TRY(check_unused(id));
  TRY_IN("remove link " + id, drop_uplink(link));
  TRY_IN("remove link " + id, update_host(link, {id, link.request.mtu}));
  tables_.remove_link(link.number, static_cast<uint32_t>(link.members.size()));
  links_.erase(found);
  return {};
}

}  // namespace vireo
