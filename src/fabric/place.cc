// SPDX-License-Identifier: Apache-2.0
#include "fabric/place.h"

#include <functional>

namespace vireo {

int first_interface_index(const FabricPlace& place) {
  constexpr int step = 100'000;
  constexpr size_t daemons = 9'000;
  return step * (1 + static_cast<int>(std::hash<std::string>()(place.state_directory) % daemons));
}

}  // namespace vireo
