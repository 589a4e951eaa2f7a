// SPDX-License-Identifier: Apache-2.0
#include "unikernel/control.h"

#include "vnf/back_end.h"

namespace vireo::unikernel {

namespace {

using machine::Call;
using machine::CallKind;

const volatile machine::BootPage* page;
const Platform* replacement;
uint64_t heap_at, heap_end;
uint64_t base_cycles, base_ns, last_ns;

volatile uint32_t& register_at(uint64_t offset) {
  return *reinterpret_cast<volatile uint32_t*>(machine::control_device + offset);
}

uint64_t address_of(const void* at) { return reinterpret_cast<uint64_t>(at); }

int64_t call(CallKind kind, const void* at, uint32_t bytes, uint64_t value) {
  Call call{static_cast<uint32_t>(kind), bytes, address_of(at), value, 0};
  if (replacement != nullptr) return replacement->call(call);
  asm volatile("" : : "r"(&call) : "memory");
  register_at(machine::control_call) = static_cast<uint32_t>(address_of(&call));
  asm volatile("" : : : "memory");
  return *const_cast<volatile int64_t*>(&call.result);
}

}  // namespace

void replace_control(const Platform& platform) { replacement = &platform; }

void open_control(const machine::BootPage* boot_page) {
  page = boot_page;
  heap_at = machine::heap_begin;
  heap_end = page->memory_bytes;
  synchronise_clock();
}

const volatile machine::BootPage& boot() { return *page; }

uint64_t network_device(uint32_t port) {
  return replacement != nullptr ? replacement->network_device(port) : machine::network_device(port);
}

bool must_notify() { return replacement != nullptr; }

// What the guest wrote before is in memory, and what the VMM wrote meanwhile is read anew.
void wait(uint32_t microseconds) {
  asm volatile("" : : : "memory");
  if (replacement != nullptr)
    replacement->wait(microseconds);
  else
    register_at(machine::control_wait) = microseconds;
  asm volatile("" : : : "memory");
}

void print(const char* text) {
  uint32_t length = 0;
  while (text[length] != 0) length++;
  call(CallKind::print, text, length, 0);
}

void end(uint32_t code) {
  for (;;) call(CallKind::end, nullptr, 0, code);
}

uint64_t cycles() { return __builtin_ia32_rdtsc(); }

void synchronise_clock() {
  base_cycles = cycles();
  base_ns = page->now_ns;
}

uint64_t now_ns() {
  const uint64_t khz = page->tsc_khz;
  const uint64_t at = base_ns + (khz == 0 ? 0 : (cycles() - base_cycles) * 1'000'000 / khz);
  if (at > last_ns) last_ns = at;
  return last_ns;
}

uint64_t heap_left() { return heap_end - heap_at; }

void* heap(uint64_t bytes) {
  const uint64_t whole = (bytes + machine::page_bytes - 1) / machine::page_bytes;
  if (whole > heap_left() / machine::page_bytes) return nullptr;
  void* at = reinterpret_cast<void*>(heap_at);
  heap_at += whole * machine::page_bytes;
  return at;
}

}  // namespace vireo::unikernel

namespace vireo::vnf {

using machine::CallKind;

void* back_end::memory(size_t bytes) { return unikernel::heap(bytes); }

bool back_end::tell(AgentMessage type, uint32_t value, const void* bytes, uint32_t count) {
  const uint64_t head = static_cast<uint64_t>(type) << 32 | value;
  return unikernel::call(CallKind::tell, bytes, count, head) == 0;
}

long back_end::hear(void* room, uint32_t bytes, int64_t patience_ns) {
  const auto microseconds = static_cast<uint64_t>(patience_ns / 1000);
  return unikernel::call(CallKind::hear, room, bytes, microseconds);
}

}  // namespace vireo::vnf
