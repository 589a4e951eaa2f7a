// SPDX-License-Identifier: Apache-2.0
// The switch of every link: one program on the ingress of each near end, for frames that come from
// the functions. It forwards by table only: nothing is learned, nothing flooded, and neighbours are
// answered for from the table. Frames that carry a MAC or an address of others go no further.
#include "fabric/ebpf/switch.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in6.h>
#include <linux/pkt_cls.h>
#include <stddef.h>

#define MOST_PORTS 32768
#define MOST_MEMBERS 16384

#define TABLE(name, key_type, value_type, size) \
  struct {                                      \
    __uint(type, BPF_MAP_TYPE_HASH);            \
    __type(key, key_type);                      \
    __type(value, value_type);                  \
    __uint(max_entries, size);                  \
    __uint(map_flags, BPF_F_NO_PREALLOC);       \
  } name SEC(".maps")

TABLE(vireo1_ports, __u32, struct SwitchPort, MOST_PORTS);
TABLE(vireo1_macs, struct SwitchMac, struct SwitchWay, 4 * MOST_PORTS);
TABLE(vireo1_addrs, struct SwitchAddress, struct SwitchOwner, 8 * MOST_PORTS);
TABLE(vireo1_links, __u32, struct SwitchLink, MOST_PORTS);
TABLE(vireo1_members, struct SwitchMember, __u32, MOST_PORTS);

// Shared by all CPUs: one for each of them would cost a large host more memory than its functions.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, struct SwitchCounters);
  __uint(max_entries, MOST_PORTS);
} vireo1_counters SEC(".maps");

struct frame {
  struct __sk_buff* skb;
  __u32 from;
  struct SwitchPort* source;
};

// Both aligned to 2: clang makes a call of memcmp().
static __always_inline int same_mac(const void* one, const void* other) {
  const __u16 *a = one, *b = other;
  return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

#define COUNT(counter, amount) __sync_fetch_and_add(&(counter), amount)

static __always_inline int drop(struct frame* frame) {
  struct SwitchCounters* counters = bpf_map_lookup_elem(&vireo1_counters, &frame->source->slot);
  if (counters) COUNT(counters->tx_dropped, 1);
  return TC_ACT_SHOT;
}

static __always_inline void count_sent(struct frame* frame) {
  struct SwitchCounters* counters = bpf_map_lookup_elem(&vireo1_counters, &frame->source->slot);
  if (!counters) return;
  COUNT(counters->tx_packets, 1);
  COUNT(counters->tx_bytes, frame->skb->len);
}

static __always_inline int may_receive(struct frame* frame, __u32 slot, __u8 open) {
  struct SwitchCounters* counters = bpf_map_lookup_elem(&vireo1_counters, &slot);
  if (!counters) return 0;
  if (open != SWITCH_OPEN) {
    COUNT(counters->rx_dropped, 1);
    return 0;
  }
  COUNT(counters->rx_packets, 1);
  COUNT(counters->rx_bytes, frame->skb->len);
  return 1;
}

static __always_inline int hand_over(struct frame* frame, __u32 to, __u8 peer) {
  if (!peer) return bpf_redirect(to, 0);
  // The near end took it for a frame to somebody else (eth_type_trans).
  bpf_skb_change_type(frame->skb, PACKET_HOST);
  return bpf_redirect_peer(to, 0);
}

static __always_inline int deliver(struct frame* frame, const struct SwitchWay* way) {
  if (way->port == frame->from) return drop(frame);
  count_sent(frame);
  if (!may_receive(frame, way->slot, way->open)) return TC_ACT_SHOT;
  return hand_over(frame, way->port, way->peer);
}

// --- To several

struct round {
  struct frame* frame;
  __u32 outward_only;
};

static long give_member(__u32 number, struct round* round) {
  struct frame* frame = round->frame;
  struct SwitchMember key = {frame->source->link, number};
  __u32* to = bpf_map_lookup_elem(&vireo1_members, &key);
  if (!to || *to == frame->from) return 0;
  __u32 index = *to;
  struct SwitchPort* port = bpf_map_lookup_elem(&vireo1_ports, &index);
  if (!port || (round->outward_only && !port->outward)) return 0;
  if (may_receive(frame, port->slot, port->open)) bpf_clone_redirect(frame->skb, index, 0);
  return 0;
}

static __always_inline int give_single(struct frame* frame, __u32 to) {
  struct SwitchPort* port = bpf_map_lookup_elem(&vireo1_ports, &to);
  if (!port) return drop(frame);
  struct SwitchWay way = {to, port->slot, port->open, port->peer};
  return deliver(frame, &way);
}

static __always_inline int give_members(struct frame* frame, __u32 outward_only) {
  struct SwitchLink* link = bpf_map_lookup_elem(&vireo1_links, &frame->source->link);
  if (!link || link->members == 0) return drop(frame);
  __u32 single = link->outward;
  if (outward_only && single) return give_single(frame, single);
  struct round round = {frame, outward_only};
  __u32 members = link->members;
  count_sent(frame);
  bpf_loop(members < MOST_MEMBERS ? members : MOST_MEMBERS, give_member, &round, 0);
  return TC_ACT_SHOT;  // all that were given it have copies
}

// --- Addresses

#define ETHERNET 14

struct arp {  // RFC 826, IPv4 over Ethernet
  __be16 hardware, protocol;
  __u8 hardware_size, protocol_size;
  __be16 operation;
  __u8 sender_mac[6], sender[4], target_mac[6], target[4];
} __attribute__((packed));

struct ip6 {
  __be32 version;
  __be16 payload;
  __u8 next, hops;
  __u8 source[16], destination[16];
};

struct solicitation {  // RFC 4861, sections 4.3 and 4.4, with the one option that Linux sends
  __u8 type, code;
  __sum16 checksum;
  __be32 flags;
  __u8 target[16];
  __u8 option, option_size;
  __u8 mac[6];
};

static __always_inline void map_v4(struct SwitchAddress* key, __u32 link, const void* ip) {
  __builtin_memset(key, 0, sizeof *key);
  key->link = link;
  key->ip[10] = key->ip[11] = 0xff;
  __builtin_memcpy(key->ip + 12, ip, 4);
}

// What is the port's, or of the one whose place it takes or has given up: no others on a link have
// one MAC. An exchange moves the rows one after the other; whoever is open or sending meanwhile may
// find the other's.
static __always_inline int speaks_for(struct frame* frame, __u32 owner) {
  if (owner == frame->from) return 1;
  struct SwitchPort* port = bpf_map_lookup_elem(&vireo1_ports, &owner);
  return port && same_mac(port->mac, frame->source->mac);
}

static __always_inline int owns(struct frame* frame, const struct SwitchAddress* key) {
  struct SwitchOwner* owner = bpf_map_lookup_elem(&vireo1_addrs, key);
  return owner && speaks_for(frame, owner->port);
}

static __always_inline int true_v4(struct frame* frame, __be32 ip) {
  if (ip == frame->source->ip || ip == 0) return 1;
  struct SwitchAddress key;
  map_v4(&key, frame->source->link, &ip);
  return owns(frame, &key);
}

static __always_inline int true_v6(struct frame* frame) {
  struct SwitchAddress key;
  key.link = frame->source->link;
  if (bpf_skb_load_bytes(frame->skb, ETHERNET + offsetof(struct ip6, source), key.ip, 16)) return 0;
  __u64 high, low;
  __builtin_memcpy(&high, key.ip, 8);
  __builtin_memcpy(&low, key.ip + 8, 8);
  return (high | low) == 0 || owns(frame, &key);
}

// Whether what the frame says of its sender is true: MAC, IPv4, IPv6 and ARP addresses.
static __always_inline int true_source(struct frame* frame, const struct ethhdr* head) {
  struct SwitchPort* source = frame->source;
  if (!same_mac(head->h_source, source->mac)) {
    struct SwitchMac key = {.link = source->link};
    __builtin_memcpy(key.mac, head->h_source, 6);
    struct SwitchWay* way = bpf_map_lookup_elem(&vireo1_macs, &key);
    if (way ? !speaks_for(frame, way->port) : !source->outward) return 0;
  }
  if (source->outward || source->routes) return 1;
  if (frame->skb->vlan_present) return 0;  // would hide what is inside
  if (head->h_proto == bpf_htons(ETH_P_IP)) {
    const void* end = (const void*)(long)frame->skb->data_end;
    const __be32* near = (const void*)head + ETHERNET + 12;
    __be32 ip;
    if ((const void*)(near + 1) <= end) return true_v4(frame, *near);
    return !bpf_skb_load_bytes(frame->skb, ETHERNET + 12, &ip, 4) && true_v4(frame, ip);
  }
  if (head->h_proto == bpf_htons(ETH_P_IPV6)) return true_v6(frame);
  if (head->h_proto != bpf_htons(ETH_P_ARP)) return 1;
  struct arp arp;
  if (bpf_skb_load_bytes(frame->skb, ETHERNET, &arp, sizeof arp)) return 0;
  __be32 ip;
  __builtin_memcpy(&ip, arp.sender, 4);
  return same_mac(arp.sender_mac, head->h_source) && true_v4(frame, ip);
}

// --- Answers for neighbours: the question goes back as its answer

static __always_inline int send_back(struct frame* frame) {
  count_sent(frame);
  may_receive(frame, frame->source->slot, 1);
  return hand_over(frame, frame->from, frame->source->peer);
}

// Through the helper, as a program that writes to frames itself has each of them unshared first.
static __always_inline void put(struct frame* frame, __u32 at, const void* bytes, __u32 size) {
  bpf_skb_store_bytes(frame->skb, at, bytes, size, BPF_F_RECOMPUTE_CSUM);
}

static __always_inline void turn_round(struct frame* frame, const __u8* asking, const __u8* mac) {
  put(frame, 0, asking, 6);
  put(frame, 6, mac, 6);
}

// 0: not known.
static __always_inline int answer_arp(struct frame* frame, int* verdict) {
  struct arp arp;
  if (bpf_skb_load_bytes(frame->skb, ETHERNET, &arp, sizeof arp)) return 0;
  if (arp.operation != bpf_htons(1) || arp.protocol != bpf_htons(ETH_P_IP)) return 0;
  struct SwitchAddress key;
  map_v4(&key, frame->source->link, arp.target);
  struct SwitchOwner* owner = bpf_map_lookup_elem(&vireo1_addrs, &key);
  if (!owner) return 0;
  if (owner->port == frame->from) {  // asks for itself, to hear of doubles
    *verdict = drop(frame);
    return 1;
  }
  struct arp answer = arp;
  answer.operation = bpf_htons(2);
  __builtin_memcpy(answer.sender_mac, owner->mac, 6);
  __builtin_memcpy(answer.sender, arp.target, 4);
  __builtin_memcpy(answer.target_mac, arp.sender_mac, 6);
  __builtin_memcpy(answer.target, arp.sender, 4);
  turn_round(frame, arp.sender_mac, owner->mac);
  put(frame, ETHERNET, &answer, sizeof answer);
  *verdict = send_back(frame);
  return 1;
}

#define NEIGHBOUR_SOLICITATION 135
#define NEIGHBOUR_ADVERTISEMENT 136
#define SOURCE_LINK_ADDRESS 1
#define TARGET_LINK_ADDRESS 2

struct advertisement {  // with the pseudo-header of RFC 8200, section 8.1, in front
  __u8 source[16], destination[16];
  __be32 size, next;
  struct solicitation body;
};

static __always_inline __sum16 checksum_of(struct advertisement* all) {
  __s64 sum = bpf_csum_diff(NULL, 0, (__be32*)all, sizeof *all, 0);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (__sum16)~sum;
}

// 0: not known, or asked in a way that the owner must answer.
static __always_inline int answer_solicitation(struct frame* frame, int* verdict) {
  struct ip6 head;
  struct advertisement answer = {};
  const __u32 icmp = ETHERNET + sizeof head;
  if (bpf_skb_load_bytes(frame->skb, ETHERNET, &head, sizeof head)) return 0;
  if (head.next != IPPROTO_ICMPV6 || head.hops != 255) return 0;
  if (head.payload != bpf_htons(sizeof answer.body)) return 0;
  if (bpf_skb_load_bytes(frame->skb, icmp, &answer.body, sizeof answer.body)) return 0;
  if (answer.body.type != NEIGHBOUR_SOLICITATION || answer.body.option != SOURCE_LINK_ADDRESS)
    return 0;
  struct SwitchAddress key = {.link = frame->source->link};
  __builtin_memcpy(key.ip, answer.body.target, 16);
  struct SwitchOwner* owner = bpf_map_lookup_elem(&vireo1_addrs, &key);
  if (!owner || owner->port == frame->from) return 0;
  __u8 asking[6];
  __builtin_memcpy(asking, answer.body.mac, 6);
  answer.body.type = NEIGHBOUR_ADVERTISEMENT;
  answer.body.checksum = 0;
  answer.body.flags = bpf_htonl(0x60000000);  // solicited, override
  answer.body.option = TARGET_LINK_ADDRESS;
  __builtin_memcpy(answer.body.mac, owner->mac, 6);
  __builtin_memcpy(answer.source, key.ip, 16);
  __builtin_memcpy(answer.destination, head.source, 16);
  answer.size = bpf_htonl(sizeof answer.body);
  answer.next = bpf_htonl(IPPROTO_ICMPV6);
  answer.body.checksum = checksum_of(&answer);
  turn_round(frame, asking, owner->mac);
  put(frame, ETHERNET + offsetof(struct ip6, source), answer.source, 32);
  put(frame, icmp, &answer.body, sizeof answer.body);
  *verdict = send_back(frame);
  return 1;
}

static __always_inline int to_group(struct frame* frame, __be16 protocol) {
  int verdict = TC_ACT_SHOT;
  if (protocol == bpf_htons(ETH_P_ARP) && answer_arp(frame, &verdict)) return verdict;
  if (protocol == bpf_htons(ETH_P_IPV6) && answer_solicitation(frame, &verdict)) return verdict;
  return give_members(frame, 0);
}

SEC("tc")
int vireo_switch(struct __sk_buff* skb) {
  struct frame frame = {skb, skb->ifindex, NULL};
  frame.source = bpf_map_lookup_elem(&vireo1_ports, &frame.from);
  if (!frame.source) return TC_ACT_SHOT;
  const struct ethhdr* head = (const void*)(long)skb->data;
  if ((const void*)(head + 1) > (const void*)(long)skb->data_end) return drop(&frame);
  if (!frame.source->open || !true_source(&frame, head)) return drop(&frame);
  if (head->h_dest[0] & 1) return to_group(&frame, head->h_proto);
  struct SwitchMac key = {.link = frame.source->link};
  __builtin_memcpy(key.mac, head->h_dest, 6);
  struct SwitchWay* way = bpf_map_lookup_elem(&vireo1_macs, &key);
  return way ? deliver(&frame, way) : give_members(&frame, 1);
}

char switch_license[] SEC("license") = "Apache-2.0";
