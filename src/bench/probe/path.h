// SPDX-License-Identifier: Apache-2.0
// A way for traffic between the bench's own network namespace and a far end where an iperf server
// listens. What is measured over one path is measured over all in turn, with the same programs.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "bench/probe/docker_daemon.h"
#include "bench/row.h"

namespace vireo::bench {

// What was opened stays open until the path is destroyed, so that several measurements share it.
class Path {
 public:
  virtual ~Path() = default;
  // Technology, mode and accelerator, or peer; metric, unit and direction are the probe's.
  virtual Row row() const = 0;
  // The address of the far end. Repeated: the same again, or the same error.
  Result<std::string> open() {
    if (!outcome_) outcome_ = make();
    return *outcome_;
  }

 protected:
  virtual Result<std::string> make() = 0;
  // Of make(); none before the first open().
  const std::optional<Result<std::string>>& outcome() const { return outcome_; }

 private:
  std::optional<Result<std::string>> outcome_;
};

struct PathOptions {
  std::string program;        // vireod
  std::string iperf_archive;  // of pack_iperf()
  std::string packet_ports;   // "packet", "tap"
  std::string fabric;         // "bridge"; "": the daemon's choice
};

// Through a private daemon: a container with a kernel's stack, and the same behind one forwarder of
// libvnf. The two share the daemon. The modes of their rows end in ", bridge" when that is asked
// for.
struct VireoPaths {
  std::shared_ptr<Path> container, forwarder;
};
VireoPaths make_vireo_paths(const PathOptions& options);

// The row of a path that stands beside ours for comparison.
inline Row peer_row(const std::string& peer) {
  Row row;
  row.peer = peer;
  row.accelerator = "none";
  return row;
}

// A veth pair into a namespace of its own, nothing else: what the kernel can do here.
std::shared_ptr<Path> make_bare_veth_path();
// A container of Docker's on its bridge.
std::shared_ptr<Path> make_docker_path(std::shared_ptr<DockerDaemon> docker,
                                       std::string iperf_archive);

}  // namespace vireo::bench
