// SPDX-License-Identifier: Apache-2.0
#include "host/kvm_probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>

#include "base/result.h"
#include "host/files.h"
#include "host/long_mode.h"

namespace vireo {

namespace {

constexpr uint64_t memory_bytes = 64 << 10, tables = 0x1000, code = 0x5000, device = 8 << 20;
// dec rcx; jnz to it; mov [rdi], eax: counts down, then touches memory that is not there.
constexpr uint8_t program[] = {0x48, 0xff, 0xc9, 0x75, 0xfb, 0x89, 0x07};
constexpr uint64_t rounds = 1000, instructions_a_round = 2;
// A processor needs less than one, an emulator of instructions hundreds: 650 were seen.
constexpr double emulated_ns = 50;
constexpr int attempts = 3;

struct Unmap {
  size_t bytes;
  void operator()(void* at) const { ::munmap(at, bytes); }
};
using Mapping = std::unique_ptr<void, Unmap>;

Mapping map(size_t bytes, int flags, int file) {
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
  return {at == MAP_FAILED ? nullptr : at, Unmap{bytes}};
}

// The first 2 MiB and those of the device, for every mode.
void fill(uint8_t* memory) {
  constexpr uint64_t inner = 0x7, page_of_2_mib = 0x87;  // present, writable, user; large
  auto table = [&](uint64_t number) {
    return reinterpret_cast<uint64_t*>(memory + tables + number * 0x1000);
  };
  table(0)[0] = (tables + 0x1000) | inner;
  table(1)[0] = (tables + 0x2000) | inner;
  table(2)[0] = page_of_2_mib;
  table(2)[device >> 21] = device | page_of_2_mib;
  std::memcpy(memory + code, program, sizeof program);
}

struct Machine {
  Fd machine, processor;
  Mapping memory, exits;

  bool open(const Fd& kvm) {
    machine = Fd(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
    if (!machine) return false;
    processor = Fd(::ioctl(machine.get(), KVM_CREATE_VCPU, 0));
    const int bytes = ::ioctl(kvm.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
    if (!processor || bytes < static_cast<int>(sizeof(kvm_run))) return false;
    exits = map(static_cast<size_t>(bytes), MAP_SHARED, processor.get());
    memory = map(memory_bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!exits || !memory) return false;
    fill(static_cast<uint8_t*>(memory.get()));
    kvm_userspace_memory_region region{};
    region.memory_size = memory_bytes;
    region.userspace_addr = reinterpret_cast<uint64_t>(memory.get());
    return ::ioctl(machine.get(), KVM_SET_USER_MEMORY_REGION, &region) == 0;
  }

  bool enter(uint8_t ring, uint64_t count) const {
    kvm_sregs special{};
    if (::ioctl(processor.get(), KVM_GET_SREGS, &special) != 0) return false;
    enter_long_mode(special, tables, ring);
    kvm_regs general{};
    general.rip = code;
    general.rcx = count;
    general.rdi = device;
    general.rflags = 2;
    return ::ioctl(processor.get(), KVM_SET_SREGS, &special) == 0 &&
           ::ioctl(processor.get(), KVM_SET_REGS, &general) == 0;
  }

  // What it took; nothing: it did not come to its end.
  std::optional<double> run(uint8_t ring, uint64_t count) const {
    if (!enter(ring, count)) return std::nullopt;
    const auto began = std::chrono::steady_clock::now();
    const int done = ::ioctl(processor.get(), KVM_RUN, 0);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    const auto& exit = *static_cast<const kvm_run*>(exits.get());
    if (done != 0 || exit.exit_reason != KVM_EXIT_MMIO || exit.mmio.phys_addr != device)
      return std::nullopt;
    return took.count();
  }

  std::optional<double> quickest(uint8_t ring, uint64_t count) const {
    std::optional<double> best;
    for (int i = 0; i < attempts; i++) {
      const std::optional<double> took = run(ring, count);
      if (!took) return std::nullopt;
      best = std::min(best.value_or(*took), *took);
    }
    return best;
  }

  // An instruction; nothing: this ring does not run.
  std::optional<double> instruction_ns(uint8_t ring) const {
    const std::optional<double> bare = quickest(ring, 1), whole = quickest(ring, rounds);
    if (!bare || !whole) return std::nullopt;
    return std::max(0.0, *whole - *bare) / (instructions_a_round * (rounds - 1));
  }
};

KvmProbe unusable(std::string why) { return {KvmProbe::Kind::unusable, std::move(why), 0}; }

std::string why_absent() {
  return exists("/dev/kvm")
             ? "/dev/kvm cannot be opened: this daemon needs the right to read and write it"
             : "there is no /dev/kvm: load kvm-amd or kvm-intel, or switch virtualization on in "
               "the firmware, or in the host of this machine";
}

}  // namespace

Fd open_kvm() { return Fd(::open("/dev/kvm", O_RDWR | O_CLOEXEC)); }

KvmProbe probe_kvm(const Fd& kvm) {
  if (!kvm) return {KvmProbe::Kind::absent, why_absent(), 0};
  if (::ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
    return unusable("/dev/kvm is no KVM of version 12: another file lies there");
  Machine machine;
  if (!machine.open(kvm))
    return unusable(system_error("KVM makes no machine").message +
                    ": another hypervisor may have the processor, or memory is short");
  const std::optional<double> user = machine.instruction_ns(user_ring);
  if (!user || *user > emulated_ns)
    return unusable("KVM runs no guest's user mode: see the kernel's log (dmesg) for its reason");
  const std::optional<double> kernel = machine.instruction_ns(kernel_ring);
  if (!kernel || *kernel > emulated_ns) return {KvmProbe::Kind::user_only, {}, kernel.value_or(0)};
  return {KvmProbe::Kind::native, {}, *kernel};
}

std::string text_of(const KvmProbe& probe) {
  switch (probe.kind) {
    case KvmProbe::Kind::native:
      return "KVM";
    case KvmProbe::Kind::user_only:
      return probe.kernel_ns == 0
                 ? "KVM of user mode alone: kernel mode does not run"
                 : fmt::format(
                       "KVM of user mode alone: kernel mode is emulated ({:.0f} ns an "
                       "instruction)",
                       probe.kernel_ns);
    case KvmProbe::Kind::unusable:
      return "a KVM that cannot be used";
    case KvmProbe::Kind::absent:
      return "no KVM";
  }
  return {};
}

}  // namespace vireo
