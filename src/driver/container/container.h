// SPDX-License-Identifier: Apache-2.0
// What the driver knows of one shell or instance, and the part of it that the keeper remembers.
#pragma once
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "driver/kept_driver.h"
#include "host/unix_socket.h"

namespace vireo {

// The text of a keeper entry: enough to find an instance again after the daemon was restarted.
struct ContainerRecord {
  InstanceId id;  // "~container-17" for a spare
  std::string technology;
  std::string image_digest;
  IdRanges::Range range;
  int stop_signal = 15;
  bool function = false;  // its vitals and agent are held
  bool killed = false;    // on request
  bool operator==(const ContainerRecord&) const = default;
};
std::string to_text(const ContainerRecord& record);
// Errc::not_found: the entry is not one of this driver's.
Result<ContainerRecord> record_from_text(std::string_view text);

// What the keeper holds of an entry, in this order; ports come after.
enum HeldFd : unsigned {
  held_network,
  held_user,
  held_control,
  held_mounts,
  held_files,  // so far of a shell; the directory of the files that an instance is given
  held_plan,
  held_vitals,
  held_agent
};

struct Container : KeptProcess {
  ContainerRecord record;
  Fd pidfd;
  Fd network, user;    // namespaces; closed once started (the keeper holds them)
  UnixSocket control;  // while parked
  Fd files;            // directory of the files that it is given; while parked
  Fd plan;             // what was executed: exec takes user, groups, environment from it
  // How many of HeldFd the keeper has; the others, and `ports`, are given to it in rest().
  unsigned held = 0;
  std::vector<int> not_held() const;  // container_record.cc
};

}  // namespace vireo
