// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtual_processor.h"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>

#include "host/long_mode.h"

namespace vireo::vmm {

bool VirtualProcessor::open(int kvm) {
  machine_ = ::ioctl(kvm, KVM_CREATE_VM, 0);
  if (machine_ < 0) return fail("cannot make a virtual machine");
  processor_ = ::ioctl(machine_, KVM_CREATE_VCPU, 0);
  if (processor_ < 0) return fail("cannot make a virtual processor");
  const int bytes = ::ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (bytes < static_cast<int>(sizeof(kvm_run))) return fail("KVM has no room for exits");
  void* run = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED,
                     processor_, 0);
  if (run == MAP_FAILED) return fail("cannot map a virtual processor");
  run_ = static_cast<kvm_run*>(run);
  const int khz = ::ioctl(processor_, KVM_GET_TSC_KHZ, 0);
  tsc_khz_ = khz > 0 ? static_cast<uint64_t>(khz) : 0;
  return true;
}

// The guest stays in user mode, whoever wrote its other registers.
bool VirtualProcessor::give(GuestMemory& memory, uint64_t page_tables) {
  kvm_userspace_memory_region region{};
  region.memory_size = memory.bytes();
  region.userspace_addr = reinterpret_cast<uint64_t>(memory.own(0));
  if (::ioctl(machine_, KVM_SET_USER_MEMORY_REGION, &region) != 0)
    return fail("cannot give memory to a virtual machine");
  kvm_sregs special{};
  if (::ioctl(processor_, KVM_GET_SREGS, &special) != 0) return fail("cannot read registers");
  enter_long_mode(special, page_tables, user_ring);
  return ::ioctl(processor_, KVM_SET_SREGS, &special) == 0 || fail("cannot set registers");
}

bool VirtualProcessor::start(uint64_t entry, uint64_t argument) {
  kvm_regs general{};
  general.rip = entry;
  general.rdi = argument;
  general.rflags = 2;
  return ::ioctl(processor_, KVM_SET_REGS, &general) == 0 || fail("cannot set registers");
}

// An access is done only when KVM is entered the next time (Documentation/virt/kvm/api.rst, 5).
bool VirtualProcessor::halt() {
  run_->immediate_exit = 1;
  const int done = ::ioctl(processor_, KVM_RUN, 0);
  run_->immediate_exit = 0;
  return (done != 0 && errno == EINTR) || fail("cannot halt a virtual processor");
}

bool VirtualProcessor::save(kvm_regs& general, kvm_fpu& floating) {
  return halt() && ((::ioctl(processor_, KVM_GET_REGS, &general) == 0 &&
                     ::ioctl(processor_, KVM_GET_FPU, &floating) == 0) ||
                    fail("cannot read registers"));
}

bool VirtualProcessor::restore(const kvm_regs& general, const kvm_fpu& floating) {
  return (::ioctl(processor_, KVM_SET_REGS, &general) == 0 &&
          ::ioctl(processor_, KVM_SET_FPU, &floating) == 0) ||
         fail("cannot set registers");
}

kvm_regs VirtualProcessor::registers() const {
  kvm_regs general{};
  ::ioctl(processor_, KVM_GET_REGS, &general);
  return general;
}

GuestExit VirtualProcessor::memory_exit() {
  GuestExit exit;
  exit.kind = run_->mmio.is_write != 0 ? GuestExit::Kind::write : GuestExit::Kind::read;
  exit.address = run_->mmio.phys_addr;
  if (run_->mmio.len > sizeof exit.value) {
    exit.kind = GuestExit::Kind::fault;
    exit.reason = "access of more than 4 bytes to a device";
  } else if (run_->mmio.is_write != 0) {
    std::memcpy(&exit.value, run_->mmio.data, run_->mmio.len);
  }
  return exit;
}

void VirtualProcessor::answer(uint32_t value) {
  std::memset(run_->mmio.data, 0, sizeof run_->mmio.data);
  std::memcpy(run_->mmio.data, &value, sizeof value);
}

GuestExit VirtualProcessor::run() {
  GuestExit exit;
  if (::ioctl(processor_, KVM_RUN, 0) != 0) {
    exit.kind =
        errno == EINTR || errno == EAGAIN ? GuestExit::Kind::interrupted : GuestExit::Kind::failed;
    exit.reason = "KVM cannot run it";
    return exit;
  }
  exits_++;
  switch (run_->exit_reason) {
    case KVM_EXIT_MMIO:
      return memory_exit();
    case KVM_EXIT_SHUTDOWN:
      exit.kind = GuestExit::Kind::fault;
      exit.reason = "fault";
      return exit;
    case KVM_EXIT_INTERNAL_ERROR:
      exit.kind = GuestExit::Kind::fault;
      exit.reason = "instruction that KVM does not know";
      return exit;
    default:
      exit.reason = "KVM stopped it for an unknown reason";
      return exit;
  }
}

}  // namespace vireo::vmm
