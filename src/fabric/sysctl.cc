// SPDX-License-Identifier: Apache-2.0
#include "fabric/sysctl.h"

#include <fmt/format.h>

#include "host/files.h"
#include "host/namespace.h"

namespace vireo {

Result<void> set_network_defaults(const Fd& network_namespace,
                                  std::span<const NetworkDefault> settings) {
  // /proc/sys/net shows the namespace of the thread that looks.
  const NamespaceScope scope = TRY(NamespaceScope::enter(network_namespace));
  for (const NetworkDefault& setting : settings) {
    const std::string path = fmt::format("/proc/sys/net/{}", setting.path);
    if (exists(path)) TRY(write_existing(path, setting.value));
  }
  return {};
}

}  // namespace vireo
