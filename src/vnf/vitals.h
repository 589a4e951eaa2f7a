// SPDX-License-Identifier: Apache-2.0
// How the vitals page is written, which others read at any time: every store is whole.
#pragma once
#include "vnf/function.h"

namespace vireo::vnf {

inline void store(uint64_t& at, uint64_t value) { __atomic_store_n(&at, value, __ATOMIC_RELAXED); }
inline void add(uint64_t& at, uint64_t more) { store(at, at + more); }

inline void set_state(Vitals& vitals, FunctionState state) {
  __atomic_store_n(&vitals.state, static_cast<uint32_t>(state), __ATOMIC_RELEASE);
}

inline void open_vitals(Vitals& vitals, uint32_t counter_count) {
  vitals.abi = vnf_abi_version;
  vitals.counter_count = counter_count;
  __atomic_store_n(&vitals.magic, vitals_magic, __ATOMIC_RELEASE);
}

inline void set_failed(Vitals& vitals, const char* reason, uint32_t length) {
  const uint32_t room = sizeof vitals.reason - 1;
  __builtin_memcpy(vitals.reason, reason, length < room ? length : room);
  vitals.abi = vnf_abi_version;
  __atomic_store_n(&vitals.magic, vitals_magic, __ATOMIC_RELEASE);
  set_state(vitals, FunctionState::failed);
}

inline void set_ready(Vitals& vitals, uint64_t now_ns) {
  store(vitals.ready_at_ns, now_ns);
  add(vitals.heartbeat, 1);
  set_state(vitals, FunctionState::ready);
}

inline void note_batch(Vitals& vitals, uint64_t took_ns, uint64_t took_cycles) {
  const uint32_t bucket = took_ns == 0 ? 0 : 64u - static_cast<uint32_t>(__builtin_clzll(took_ns));
  uint32_t& histogram = vitals.latency_log2_ns[bucket < 31 ? bucket : 31];
  __atomic_store_n(&histogram, histogram + 1, __ATOMIC_RELAXED);
  add(vitals.batches, 1);
  add(vitals.busy_cycles, took_cycles);
}

// Functions time their flows out by ticks; a heartbeat is due each second.
inline constexpr uint64_t busy_tick_ns = 100'000'000, idle_tick_ns = 900'000'000;
inline constexpr uint64_t idle_after_ns = 1'000'000'000;
// Each tick of a machine costs its host a few exits: one that has had nothing to do for a while,
// and has no flows that could time out, sleeps longer and says so.
inline constexpr uint64_t quiet_after_ns = 3'000'000'000, quiet_tick_ns = 30'000'000'000;
inline constexpr uint64_t quiet_margin_ns = 2'000'000'000;
// What a function sends of its own accord in one turn, before what has come in is looked at.
inline constexpr uint32_t transmit_rounds = 8;

}  // namespace vireo::vnf
