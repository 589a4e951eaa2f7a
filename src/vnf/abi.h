// SPDX-License-Identifier: Apache-2.0
// What a libvnf function and the platform share, on every technology: descriptors, the identity
// page, the vitals page and the agent's messages. Freestanding: no library, fixed-width types only.
// Every structure is little endian, without padding that matters, and grows only at its end.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace vireo::vnf {

inline constexpr uint32_t vnf_abi_version = 2;

// All that a function's process (posix back-end) is given before its first instruction: one end of
// a SOCK_SEQPACKET pair. Everything else comes with the first message, `begin`, so that a process
// may wait for it, made ahead.
inline constexpr int fd_agent = 3;

inline constexpr uint32_t max_ports = 8;
inline constexpr uint32_t max_addresses = 8;    // of one port
inline constexpr uint32_t max_neighbours = 16;  // of one port
inline constexpr uint32_t max_counters = 120;
inline constexpr uint32_t max_config_bytes = 1u << 20;

// An address as in model/function_type.h: family 4, 6 or 0 for none; network order.
struct AbiAddress {
  uint8_t family;
  uint8_t prefix_length;
  uint8_t reserved[2];
  uint8_t bytes[16];
};

struct AbiNeighbour {
  AbiAddress address;
  uint8_t mac[6];
  uint8_t reserved[2];
};

struct AbiPort {
  char name[16];  // "port0"
  uint8_t kind;   // 0 tap, 1 AF_PACKET, 2 an interface of the kernel's stack
  uint8_t mac[6];
  uint8_t reserved;
  uint32_t mtu;
  uint32_t address_count;
  AbiAddress addresses[max_addresses];
  AbiAddress gateway4;  // family 0: none
  AbiAddress gateway6;
  uint32_t neighbour_count;
  AbiNeighbour neighbours[max_neighbours];
};

// What makes a started shape this instance. Written last, read once by the function.
struct Identity {
  uint32_t magic;  // identity_magic
  uint32_t abi;    // vnf_abi_version
  uint64_t generation;
  uint8_t seed[32];  // random, never used for another generation
  char name[128];    // "branch-office/fw.1"
  uint32_t port_count;
  uint32_t config_bytes;       // the configuration struct follows this structure
  uint64_t tsc_khz;            // 0: not told
  uint32_t spin_microseconds;  // how long to poll before sleeping; 0: never
  uint32_t reserved;
  AbiPort ports[max_ports];
  // config_bytes bytes follow
};
inline constexpr uint32_t identity_magic = 0x64697276;  // "vrid"

enum class FunctionState : uint32_t { booting = 0, ready = 1, draining = 2, failed = 3 };

enum DropReason : uint32_t {
  drop_malformed,
  drop_policy,
  drop_no_route,
  drop_table_full,
  drop_output,
  drop_unsupported,
  drop_reason_count = 8
};

struct PortVitals {
  uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

// Written by the function with plain stores, read by the platform without a system call. The
// reader trusts nothing: it checks the size, copies once, and bounds every value.
struct Vitals {
  uint32_t magic;  // vitals_magic, written last at the start
  uint32_t abi;
  uint32_t state;  // FunctionState
  uint32_t counter_count;
  uint64_t heartbeat;    // grows at least once a second while the function lives, or by quiet_until
  uint64_t ready_at_ns;  // CLOCK_MONOTONIC when it became ready
  char reason[128];      // of state failed
  PortVitals ports[max_ports];
  uint64_t drops[drop_reason_count];
  uint64_t flows;
  uint64_t busy_cycles;
  uint64_t batches;
  uint32_t latency_log2_ns[32];     // histogram of batch times, bucket = bit width
  uint64_t counters[max_counters];  // the function's own, by its table; per-rule ones after them
  uint64_t quiet_until_ns;          // CLOCK_MONOTONIC: it sleeps, and may be silent so long; or 0
};
inline constexpr uint64_t longest_quiet_ns = 60'000'000'000;  // more than that is not believed
inline constexpr uint32_t vitals_magic = 0x74767276;          // "vrvt"
inline constexpr uint32_t vitals_bytes = 4096;
static_assert(sizeof(Vitals) <= vitals_bytes);

// Messages on fd_agent, each one packet: this header, then `length` bytes.
enum class AgentMessage : uint32_t {
  ready = 1,         // function -> platform, once
  export_state = 2,  // platform -> function; answered by state_chunk ... state_end
  state_chunk = 3,   // either way: part of a state (after import_state), at most 32 KiB
  state_end = 4,     // either way
  import_state = 5,  // platform -> function, followed by state_chunk ... state_end
  import_done = 6,   // function -> platform; value 0, or why not in the payload
  failed = 7,        // function -> platform: reason as text
  begin = 8,         // platform -> function, first and once, with descriptors in this order: vitals
                     // (memfd, vitals_bytes, size sealed, writable), identity (memfd, sealed
                     // against every change), then the ports of style "packet"
};
struct AgentHeader {
  uint32_t type;    // AgentMessage
  uint32_t length;  // of what follows
  uint32_t value;   // state_version, or a status
  uint32_t reserved;
};
inline constexpr uint32_t agent_chunk_bytes = 32768;

}  // namespace vireo::vnf
