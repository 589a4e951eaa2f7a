// SPDX-License-Identifier: Apache-2.0
// What the fabric writes on its interfaces (the alias of ip-link(8)), so that a later daemon finds
// them again, and how it names them.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "model/instance.h"

namespace vireo {

inline constexpr unsigned fabric_group = 0x56520000;        // IFLA_GROUP of all that is ours
inline constexpr unsigned doomed_group = fabric_group + 1;  // being removed

enum class Role {
  link,         // a bridge
  port,         // the near end of a port, bound
  spare,        // the near end of a port, not yet bound
  host,         // the near end of the host's own interface on a link
  host_bridge,  // the near end of the veth to a bridge of the host
  uplink,       // an interface taken from the host
};

struct Label {
  Role role = Role::port;
  PortKind kind = PortKind::tap;  // port, spare
  bool taken = false;             // uplink: it was in use, and taken all the same
  MacAddress mac{};               // port: that of its far end
  std::string link{};             // all but spare
  std::string id{};               // port, spare: the port's; uplink, host_bridge: the host's name
  bool operator==(const Label&) const = default;
};

// At most 255 bytes: the kernel's limit.
Result<std::string> label_text(const Label& label);
std::optional<Label> parse_label(std::string_view text);  // not ours: nothing

}  // namespace vireo
