// SPDX-License-Identifier: Apache-2.0
// What /dev/kvm is worth on this host, found out by running code: that the node exists says little.
#pragma once
#include <string>

#include "base/fd.h"

namespace vireo {

struct KvmProbe {
  enum class Kind {
    native,     // guests run at the processor's speed
    user_only,  // their user mode does; their kernel mode is emulated, instruction by instruction
    unusable,   // opens, but does not run a guest: `why`
    absent,     // no node, or no right to open it: `why`
  };
  Kind kind = Kind::absent;
  std::string why{};     // a sentence with the remedy
  double kernel_ns = 0;  // an instruction in kernel mode
  bool runs_user_mode() const { return kind == Kind::native || kind == Kind::user_only; }
};

// A few milliseconds: a machine of 64 KiB that counts down in user mode, then in kernel mode.
// `kvm`: the device; not open: absent.
KvmProbe probe_kvm(const Fd& kvm);
// The device for probe_kvm() and for machines; not open: errno says why.
Fd open_kvm();

// "KVM", "KVM of user mode alone: kernel mode is emulated (650 ns an instruction)", "no KVM".
std::string text_of(const KvmProbe& probe);

}  // namespace vireo
