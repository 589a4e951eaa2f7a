// SPDX-License-Identifier: Apache-2.0
// What was decided about the first fragment of a datagram, for the later ones: only the first
// carries ports. A later fragment whose first one was not seen (lost, or overtaken) has no entry:
// functions drop it. Fixed size, four ways, the oldest is replaced.
#pragma once
#include "vnf/flow_table.h"
#include "vnf/parse.h"

namespace vireo::vnf {

class FragmentCache {
 public:
  void set_key(const HashKey& key) { key_ = key; }

  void remember(const Headers& h, uint32_t value, int64_t now_ms) {
    const Datagram datagram = datagram_of(h);
    Slot* way = ways_of(datagram);
    Slot* oldest = way;
    for (uint32_t i = 0; i < ways; i++) {
      if (same(way[i].datagram, datagram)) oldest = &way[i];
      if (same(oldest->datagram, datagram)) break;
      if (way[i].seen_ms < oldest->seen_ms) oldest = &way[i];
    }
    *oldest = {datagram, now_ms, value, true};
  }

  bool find(const Headers& h, int64_t now_ms, uint32_t& value) {
    const Datagram datagram = datagram_of(h);
    Slot* way = ways_of(datagram);
    for (uint32_t i = 0; i < ways; i++) {
      if (!way[i].used || now_ms - way[i].seen_ms > lifetime_ms) continue;
      if (!same(way[i].datagram, datagram)) continue;
      value = way[i].value;
      return true;
    }
    return false;
  }

 private:
  static constexpr uint32_t sets = 64, ways = 4;
  static constexpr int64_t lifetime_ms = 30'000;  // as Linux keeps fragments

  struct Datagram {
    uint8_t source[16], destination[16];
    uint32_t id;
    uint8_t protocol, version, reserved[2];
  };
  struct Slot {
    Datagram datagram;
    int64_t seen_ms;
    uint32_t value;
    bool used;
  };

  static Datagram datagram_of(const Headers& h) {
    Datagram datagram = {};
    copy_bytes(datagram.source, h.source(), h.address_bytes());
    copy_bytes(datagram.destination, h.destination(), h.address_bytes());
    datagram.id = h.fragment_id;
    datagram.protocol = h.network == Network::ipv4 ? h.protocol : uint8_t{0};
    datagram.version = h.family();
    return datagram;
  }
  static bool same(const Datagram& a, const Datagram& b) {
    return __builtin_memcmp(&a, &b, sizeof a) == 0;
  }
  Slot* ways_of(const Datagram& datagram) { return &slots_[hash_of(key_, datagram) % sets * ways]; }

  HashKey key_;
  Slot slots_[sets * ways] = {};
};

// Fragments that no honest sender makes: they would overwrite the header that was judged (RFC 1858,
// RFC 3128).
inline bool suspicious_fragment(const Headers& h) {
  return h.fragment && h.fragment_offset != 0 && h.fragment_offset < 64 &&
         h.protocol == protocol_tcp;
}

}  // namespace vireo::vnf
