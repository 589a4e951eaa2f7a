// SPDX-License-Identifier: Apache-2.0
// What the switch program (switch.bpf.c) and the daemon share: the layout of the maps. Plain C for
// both. A change of any of them changes the version in the maps' names, as a later daemon goes on
// with the maps of an earlier one.
#pragma once
#include <linux/types.h>

#define SWITCH_PORTS "vireo1_ports"
#define SWITCH_MACS "vireo1_macs"
#define SWITCH_ADDRESSES "vireo1_addrs"
#define SWITCH_LINKS "vireo1_links"
#define SWITCH_MEMBERS "vireo1_members"
#define SWITCH_COUNTERS "vireo1_counters"

// Of a gate. A port that only sends is about to take the place of the one with its MAC, or has
// given it up: it may send what that one may.
#define SWITCH_BLOCKED 0
#define SWITCH_OPEN 1
#define SWITCH_SENDING 2

// Of a port. The key is the index of its near end.
struct SwitchPort {
  __u32 link;
  __u32 slot;      // in the counters
  __u8 open;       // its gate: SWITCH_...
  __u8 peer;       // frames go straight to the other end of its veth pair
  __u8 outward;    // whoever is not known may be behind it
  __u8 broadcast;  // takes group frames: a member of its link
  __u8 routes;     // its frames carry addresses of others
  __u8 unused;
  __u8 mac[6];  // its own MAC and first IPv4 address, to be checked without a look at the maps
  __be32 ip;
  char label[256];  // labels.h: for the daemon alone
};

// Who is behind which port, with what of the port is needed for a frame to it: one look at the maps
// costs about 60 ns.
struct SwitchMac {
  __u32 link;
  __u8 mac[6];
  __u8 unused[2];
};
struct SwitchWay {
  __u32 port;
  __u32 slot;
  __u8 open;
  __u8 peer;
  __u8 unused[2];
};

// IPv4 addresses as ::ffff:a.b.c.d (RFC 4291, section 2.5.5.2).
struct SwitchAddress {
  __u32 link;
  __u8 ip[16];
};
struct SwitchOwner {
  __u32 port;
  __u8 mac[6];
  __u8 unused[2];
};

// The ports of a link that take group frames or lead outward are its members, numbered from 0.
struct SwitchLink {
  __u32 members;
  __u32 outward;  // the only member that leads outward; 0: none or several
  __u32 mtu;
  char id[244];
};
struct SwitchMember {
  __u32 link;
  __u32 number;
};  // -> index of the port

// As the function behind the port sees them: rx is what it received. A cache line for each.
struct SwitchCounters {
  __u64 rx_packets, rx_bytes, rx_dropped;
  __u64 tx_packets, tx_bytes, tx_dropped;
  __u64 unused[2];
};
