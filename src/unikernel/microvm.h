// SPDX-License-Identifier: Apache-2.0
// How QEMU is called for a function's image without a platform (README.md).
#pragma once
#include <string>
#include <vector>

namespace vireo::unikernel {

inline constexpr const char* microvm_program = "qemu-system-x86_64";

// The call, with the console on its output, without a network: a port is "-netdev X,id=N -device
// virtio-net-device,netdev=N". identity: the file of the identity page; "": without.
inline std::vector<std::string> microvm_words(const std::string& image, const std::string& identity,
                                              unsigned megabytes) {
  // clang-format off
  std::vector<std::string> words = {
      microvm_program, "-M", "microvm,acpi=off", "-accel", "tcg", "-nodefaults", "-no-user-config",
      "-display", "none", "-serial", "stdio", "-no-reboot",
      "-global", "virtio-mmio.force-legacy=false",
      "-m", std::to_string(megabytes), "-kernel", image};
  // clang-format on
  if (!identity.empty()) words.insert(words.end(), {"-initrd", identity});
  return words;
}

}  // namespace vireo::unikernel
