// SPDX-License-Identifier: Apache-2.0
// One KVM machine with one processor, in ring 3 (unikernel/machine.h).
#pragma once
#include <linux/kvm.h>

#include <cstdint>

#include "vmm/guest_memory.h"

namespace vireo::vmm {

struct GuestExit {
  enum class Kind { write, read, fault, interrupted, failed };
  Kind kind = Kind::failed;
  uint64_t address = 0;     // write, read: of memory that is not there
  uint32_t value = 0;       // write
  const char* reason = "";  // fault, failed
};

// False: `failed()` says what, errno why. Descriptors stay for the process's life.
class VirtualProcessor {
 public:
  bool open(int kvm);  // the machine without memory: all that does not depend on an image
  // Once, before anything runs.
  bool give(GuestMemory& memory, uint64_t page_tables);
  bool start(uint64_t entry, uint64_t argument);
  // Ends the guest's last access.
  bool halt();
  // The guest's registers as they are once its last access is done, and as they shall be.
  bool save(kvm_regs& general, kvm_fpu& floating);
  bool restore(const kvm_regs& general, const kvm_fpu& floating);
  const char* failed() const { return failed_; }

  // Runs the guest to its next exit.
  GuestExit run();
  // The answer to Kind::read, before the next run().
  void answer(uint32_t value);
  uint64_t tsc_khz() const { return tsc_khz_; }
  kvm_regs registers() const;
  uint64_t exits() const { return exits_; }

 private:
  bool fail(const char* what) {
    failed_ = what;
    return false;
  }
  GuestExit memory_exit();

  int machine_ = -1, processor_ = -1;
  kvm_run* run_ = nullptr;
  uint64_t tsc_khz_ = 0, exits_ = 0;
  const char* failed_ = "";
};

}  // namespace vireo::vmm
