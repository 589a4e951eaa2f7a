// SPDX-License-Identifier: Apache-2.0
#include "fabric/ebpf/switch_tables.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fabric/far_end.h"
#include "fabric/labels.h"

namespace vireo {
namespace {

template <class Key, class Value>
Result<void> put(const Fd& map, const Key& key, const Value& value, uint64_t flags = BPF_ANY) {
  const int done = bpf_map_update_elem(map.get(), &key, &value, flags);
  if (done == 0 || done == -EEXIST) return {};
  if (done == -E2BIG)
    return Error{Errc::exhausted, "the switch's tables are full: no more ports on this host"};
  return system_error("cannot change the switch's tables");
}

template <class Key, class Value>
bool get(const Fd& map, const Key& key, Value& value) {
  return bpf_map_lookup_elem(map.get(), &key, &value) == 0;
}

template <class Key>
void erase(const Fd& map, const Key& key) {
  (void)bpf_map_delete_elem(map.get(), &key);  // gone is what it is to be
}

template <class Key, class Value, class Visit>
void each(const Fd& map, Visit visit) {
  Key key{};
  Value value{};
  for (const Key* last = nullptr; bpf_map_get_next_key(map.get(), last, &key) == 0; last = &key)
    if (get(map, key, value)) visit(key, value);
}

SwitchMac mac_key(uint32_t link, const MacAddress& mac) {
  SwitchMac key{};
  key.link = link;
  std::copy_n(mac.bytes.begin(), 6, key.mac);
  return key;
}

SwitchAddress address_key(uint32_t link, const IpAddress& ip) {
  SwitchAddress key{};
  key.link = link;
  if (ip.v6) {
    std::copy_n(ip.bytes.begin(), 16, key.ip);
  } else {
    key.ip[10] = key.ip[11] = 0xff;
    std::copy_n(ip.bytes.begin(), 4, key.ip + 12);
  }
  return key;
}

IpAddress address_of(const SwitchAddress& key) {
  constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  IpAddress ip;
  ip.v6 = std::memcmp(key.ip, mapped, sizeof mapped) != 0;
  if (ip.v6)
    std::copy_n(key.ip, 16, ip.bytes.begin());
  else
    std::copy_n(key.ip + 12, 4, ip.bytes.begin());
  return ip;
}

MacAddress mac_of(const uint8_t* bytes) {
  MacAddress mac;
  std::copy_n(bytes, 6, mac.bytes.begin());
  return mac;
}

}  // namespace

Result<SwitchEntry> entry_of(const PortSpec& port, uint32_t link) {
  SwitchEntry entry;
  const std::string label =
      TRY(label_text({Role::port, port.kind, false, port.mac, port.link, port.id}));
  std::copy(label.begin(), label.end(), entry.port.label);
  entry.port.link = link;
  entry.port.outward = port.outward;
  entry.port.broadcast = port.broadcast || port.outward;
  // Who takes part in broadcasts may speak for addresses that it has agreed on with others.
  entry.port.routes = port.routes || port.broadcast;
  std::copy_n(port.mac.bytes.begin(), 6, entry.port.mac);
  entry.macs = macs_of(port);
  const auto v4 = [](const IpPrefix& own) { return !own.address.v6; };
  if (const auto first = std::ranges::find_if(port.addresses, v4); first != port.addresses.end())
    std::memcpy(&entry.port.ip, first->address.bytes.data(), 4);
  for (const IpPrefix& own : port.addresses) entry.addresses.push_back({own.address, port.mac});
  for (const MacAddress& mac : entry.macs)
    entry.addresses.push_back({link_local_of(mac).address, mac});
  entry.addresses.insert(entry.addresses.end(), port.behind.begin(), port.behind.end());
  return entry;
}

Result<void> SwitchTables::enter_port(int index, const SwitchPort& port) {
  return put(maps_.ports, static_cast<uint32_t>(index), port);
}

Result<void> SwitchTables::enter_macs(int index, const SwitchEntry& entry, bool take) {
  const SwitchWay way{
      static_cast<uint32_t>(index), entry.port.slot, entry.port.open, entry.port.peer, {}};
  for (const MacAddress& mac : entry.macs)
    TRY(put(maps_.macs, mac_key(entry.port.link, mac), way, take ? BPF_ANY : BPF_NOEXIST));
  return {};
}

Result<void> SwitchTables::enter(int index, const SwitchEntry& entry, bool take) {
  TRY(enter_port(index, entry.port));
  TRY(enter_macs(index, entry, take));
  for (const Neighbour& other : entry.addresses) {
    SwitchOwner owner{static_cast<uint32_t>(index), {}, {}};
    std::copy_n(other.mac.bytes.begin(), 6, owner.mac);
    TRY(put(maps_.addresses, address_key(entry.port.link, other.address), owner,
            take ? BPF_ANY : BPF_NOEXIST));
  }
  return {};
}

Result<void> SwitchTables::close(int index, const SwitchEntry& entry) {
  TRY(enter_port(index, entry.port));
  for (const MacAddress& mac : entry.macs) {
    const SwitchMac key = mac_key(entry.port.link, mac);
    SwitchWay way{};
    if (!get(maps_.macs, key, way) || way.port != static_cast<uint32_t>(index)) continue;
    way.open = 0;
    TRY(put(maps_.macs, key, way));
  }
  return {};
}

void SwitchTables::withdraw(int index, const SwitchEntry& had, const SwitchEntry& now) {
  const auto port = static_cast<uint32_t>(index);
  for (const MacAddress& mac : had.macs) {
    SwitchWay way{};
    const SwitchMac key = mac_key(had.port.link, mac);
    if (std::ranges::count(now.macs, mac) == 0 && get(maps_.macs, key, way) && way.port == port)
      erase(maps_.macs, key);
  }
  for (const Neighbour& other : had.addresses) {
    SwitchOwner owner{};
    const SwitchAddress key = address_key(had.port.link, other.address);
    if (std::ranges::count(now.addresses, other) == 0 && get(maps_.addresses, key, owner) &&
        owner.port == port)
      erase(maps_.addresses, key);
  }
}

void SwitchTables::remove(int index, const SwitchEntry& entry) {
  erase(maps_.ports, static_cast<uint32_t>(index));
  withdraw(index, entry, {});
  free_slots_.push_back(entry.port.slot);
}

Result<uint32_t> SwitchTables::new_slot() {
  uint32_t slot = next_slot_;
  if (free_slots_.empty()) {
    ++next_slot_;
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  TRY(put(maps_.counters, slot, SwitchCounters{}));
  return slot;
}

SwitchCounters SwitchTables::counters(uint32_t slot) const {
  SwitchCounters counted{};
  (void)get(maps_.counters, slot, counted);
  return counted;
}

Result<void> SwitchTables::enter_link(uint32_t number, const SwitchLink& link) {
  return put(maps_.links, number, link);
}

Result<void> SwitchTables::enter_member(uint32_t link, uint32_t number, int index) {
  return put(maps_.members, SwitchMember{link, number}, static_cast<uint32_t>(index));
}

void SwitchTables::remove_link(uint32_t number, uint32_t members) {
  erase(maps_.links, number);
  for (uint32_t i = 0; i < members; ++i) erase(maps_.members, SwitchMember{number, i});
}

std::map<uint32_t, SwitchLink> SwitchTables::links() const {
  std::map<uint32_t, SwitchLink> found;
  each<uint32_t, SwitchLink>(maps_.links, [&](uint32_t number, const SwitchLink& link) {
    found[number] = link;
    found[number].id[sizeof link.id - 1] = '\0';
  });
  return found;
}

std::map<int, SwitchEntry> SwitchTables::ports() {
  std::map<int, SwitchEntry> found;
  each<uint32_t, SwitchPort>(maps_.ports, [&](uint32_t index, const SwitchPort& port) {
    SwitchPort& mine = found[static_cast<int>(index)].port = port;
    mine.label[sizeof mine.label - 1] = '\0';
    next_slot_ = std::max(next_slot_, port.slot + 1);
  });
  each<SwitchMac, SwitchWay>(maps_.macs, [&](const SwitchMac& key, const SwitchWay& way) {
    SwitchEntry& entry = found[static_cast<int>(way.port)];
    entry.port.link = key.link;
    entry.port.slot = way.slot;
    entry.macs.push_back(mac_of(key.mac));
  });
  each<SwitchAddress, SwitchOwner>(
      maps_.addresses, [&](const SwitchAddress& key, const SwitchOwner& owner) {
        SwitchEntry& entry = found[static_cast<int>(owner.port)];
        entry.port.link = key.link;
        entry.addresses.push_back({address_of(key), mac_of(owner.mac)});
      });
  return found;
}

}  // namespace vireo
