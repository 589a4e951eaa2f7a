// SPDX-License-Identifier: Apache-2.0
// The machine that a unikernel runs on, as vireo-vmm and the guest agree on it. Freestanding.
//
// One virtual processor, in ring 3 from its first instruction: everything that only ring 0 may
// change (page tables, control registers) was made by the VMM and stays as it is. There are no
// interrupts; a fault ends the machine. Devices are memory-mapped: one control device, and a
// virtio-mmio network device (virtio 1.1, 4.2) for each port. rdi holds the boot page's address.
//
//   0            not mapped
//   0x1000       boot page, read-only
//   0x2000       vitals page (vnf/abi.h), shared with the platform
//   0x3000       page tables, not mapped
//   0x80000      identity (vnf/abi.h) and configuration, read-only, filled before `begun`
//   0x200000     the image: its segments with their rights, at most 2 MiB
//   0x400000     heap, to the end of memory: zeroed, not executable
//   0xfe000000   control device; then one network device a page
#pragma once
#include <stdint.h>

namespace vireo::machine {

inline constexpr uint64_t boot_page = 0x1000, vitals_page = 0x2000, page_tables = 0x3000;
inline constexpr uint64_t identity_begin = 0x80000, image_begin = 0x200000;
inline constexpr uint64_t heap_begin = 0x400000, device_begin = 0xfe000000;
inline constexpr uint64_t page_bytes = 4096, large_page_bytes = 2u << 20;
inline constexpr uint64_t smallest_memory = 8u << 20, largest_memory = 1u << 30;
inline constexpr uint64_t control_device = device_begin;
constexpr uint64_t network_device(uint32_t port) { return device_begin + (port + 1) * page_bytes; }

inline constexpr uint32_t machine_version = 1;
inline constexpr uint32_t boot_magic = 0x746f6276;  // "vbot"

// The image's PT_NOTE: without it the VMM takes no image.
struct ImageNote {
  uint32_t name_bytes, content_bytes, type;
  char name[8];
  uint32_t version;
  bool operator==(const ImageNote&) const = default;
};
inline constexpr ImageNote image_note{6, 4, 1, "Vireo", machine_version};

// Written by the VMM while the guest does not run, but for `turns`.
struct BootPage {
  uint32_t magic, version;
  uint64_t memory_bytes;
  uint64_t tsc_khz;
  uint32_t port_count;         // devices worth preparing before the identity is there
  uint32_t begun;              // 1: identity and vitals are there
  uint64_t now_ns;             // CLOCK_MONOTONIC when the guest was entered last
  uint32_t agent_waits;        // 1: the platform has sent something
  uint32_t polled;             // 1: the queues are looked at while the guest runs too, all the time
  alignas(64) uint64_t turns;  // how often they have been, meanwhile; in a cache line of its own
};

// Registers of the control device, 4 bytes each, to write.
// wait: sends what lies in the transmit queues, fills the receive queues, and returns once there is
// something to do or this many microseconds have passed (wait_for_ever: never by itself).
// call: address of a Call.
inline constexpr uint64_t control_wait = 0, control_call = 8;
inline constexpr uint32_t wait_for_ever = 0xffffffff;

enum class CallKind : uint32_t {
  print = 1,  // bytes to the log
  end = 2,    // ends the machine; `value` is the exit code
  tell = 3,   // sends what lies in the transmit queues, and one message to the platform: `value` is
              // type << 32 | value of its AgentHeader, the payload lies at `address`; result 0, or
              // -1: nobody listens
  hear = 4,   // one message from the platform into `address`; `value` is how many microseconds to
              // wait for it; result: its bytes, 0: none
};
struct Call {
  uint32_t kind;  // CallKind
  uint32_t bytes;
  uint64_t address;
  uint64_t value;
  int64_t result;
};

}  // namespace vireo::machine
