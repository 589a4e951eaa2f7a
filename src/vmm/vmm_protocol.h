// SPDX-License-Identifier: Apache-2.0
// How vireo-vmm is started and spoken to: with the messages of a libvnf function (vnf/abi.h), so
// that the platform treats both alike, and two of its own before them.
//
// Descriptors at its start, in this order. What is started is a zygote (vmm/zygote.h,
// keeper/zygote_protocol.h); what follows is said to a machine that it made.
// First it gets `load`, runs the guest up to where it waits for its identity, or copies a machine
// that has (vmm/template.h), and answers `loaded` or `failed`. Asked to `save`, it writes itself
// into a file as such a machine, and answers `saved`. Asked to `rehearse`, it runs once and is then
// as before (vmm/rehearsal.h). Then it waits for `begin` (vitals, identity,
// taps), which may have been sent already.
#pragma once
#include <cstdint>

namespace vireo::vmm {

inline constexpr int fd_requests = 3, fd_kvm = 4, fd_filter = 5, fd_machine_filter = 6,
                     fd_network = 7;
// Of a machine: what lies there is its own.
inline constexpr int fd_pagemap = 5, first_free_fd = 6;

// Where a machine has the agent's socket: above all others, because an ending process gives up the
// highest first (task_work_run in the kernel's kernel/task_work.c takes the last that was put), and
// below 64, beyond which a table of descriptors takes more memory (kernel/fork.c, NR_OPEN_DEFAULT).
inline constexpr int fd_agent = 63;

inline constexpr uint32_t message_load = 100;    // with the descriptor of the image, perhaps one of
                                                 // a template of it, and a LoadRequest
inline constexpr uint32_t message_loaded = 101;  // nothing follows
inline constexpr uint32_t message_save = 102;    // with the descriptor of an empty file, of the
                                                 // memory's size and template_state_bytes
inline constexpr uint32_t message_saved = 103;
// With the descriptors of a template and of the vitals to come, and as payload an identity
// (vnf/abi.h) that never gets a link. Answered when the machine is as the template is, but warm.
inline constexpr uint32_t message_rehearse = 104, message_rehearsed = 105;
// The value of a `begin` after that: its payload is the identity, its descriptors are the ports.
inline constexpr uint32_t begin_after_rehearsal = 1;

inline constexpr uint64_t template_state_bytes = 4096;

struct LoadRequest {
  uint64_t memory_bytes = 0;
  uint32_t port_count = 0;
  uint32_t reserved = 0;
};

}  // namespace vireo::vmm
