// SPDX-License-Identifier: Apache-2.0
// The technologies that the language knows: a kind of image, and what runs it.
#pragma once
#include <array>
#include <string_view>

namespace vireo {

struct Technology {
  std::string_view name;
  std::string_view needs;  // of the host
};

inline constexpr std::array technologies = {
    Technology{"container", "namespaces, control groups and overlay of Linux"},
    Technology{"unikernel.vireo.kvm", "KVM (/dev/kvm)"},
    Technology{"tinyx.kvm", "KVM (/dev/kvm); slow without, by QEMU's TCG"},
    Technology{"standardvm.kvm", "KVM (/dev/kvm); slow without, by QEMU's TCG"},
    Technology{"unikernel.osv.kvm", "KVM (/dev/kvm); slow without, by QEMU's TCG"},
    Technology{"tinyx.xen", "Xen 4.14 or newer, in its dom0"},
    Technology{"standardvm.xen", "Xen 4.14 or newer, in its dom0"},
    Technology{"unikernel.minios.xen", "Xen 4.14 or newer, in its dom0"}};

// A machine has the memory that it was made with: another limit takes another machine.
constexpr bool is_machine(std::string_view technology) { return technology != "container"; }

}  // namespace vireo
