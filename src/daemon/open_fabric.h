// SPDX-License-Identifier: Apache-2.0
// Which fabric this daemon has.
#pragma once
#include <memory>

#include "base/fd.h"
#include "daemon/options.h"
#include "fabric/fabric.h"

namespace vireo {

// `--fabric`; "auto": that whose links are in `fabric_namespace` already, else the first that this
// host can have of ebpf and bridge. Errc::conflict: links of the other one stand against a named
// fabric, or a Vireo whose tables are of another kind has made them.
Result<std::unique_ptr<Fabric>> open_fabric(const DaemonOptions& options,
                                            const Fd& fabric_namespace, const Fd& ends_namespace);

}  // namespace vireo
