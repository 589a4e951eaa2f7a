// SPDX-License-Identifier: Apache-2.0
#include "vnf/entry.h"

namespace vireo::vnf {

const char* fault_of(const Identity& identity, const FunctionTable& table) {
  if (identity.magic != identity_magic) return "the identity page is no identity page";
  if (identity.abi != vnf_abi_version) return "the platform speaks another version of the ABI";
  if (identity.config_bytes != table.config_size) return "the configuration has another size";
  if (identity.port_count > max_ports) return "too many ports";
  if (identity.port_count < table.fewest_ports) return "too few ports";
  if (identity.port_count > table.most_ports) return "more ports than this function has";
  for (uint32_t i = 0; i < identity.port_count; i++)
    if (identity.ports[i].address_count > max_addresses ||
        identity.ports[i].neighbour_count > max_neighbours)
      return "a port has more addresses than fit";
  return nullptr;
}

}  // namespace vireo::vnf
