// SPDX-License-Identifier: Apache-2.0
// A way for traffic between the bench's own network namespace and a far end that takes and sends
// TCP streams. What is measured over one path is measured over all in turn, with the same programs.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "bench/probe/docker_daemon.h"
#include "bench/probe/iperf.h"
#include "bench/row.h"

namespace vireo::bench {

// What was opened stays open until the path is destroyed, so that several measurements share it.
class Path {
 public:
  virtual ~Path() = default;
  // Technology, mode and accelerator, or peer, and `source` when it is no iperf that streams;
  // metric, unit and direction are the probe's.
  virtual Row row() const = 0;
  // The address of the far end. Repeated: the same again, or the same error.
  Result<std::string> open() {
    if (!outcome_) outcome_ = make();
    return *outcome_;
  }
  // One TCP stream over the open path; Gb/s. The far end is an iperf server unless a path has its
  // own.
  virtual Result<double> stream(Direction direction, std::chrono::milliseconds duration);

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
  std::string network;        // "10.95.0", each lab's own: all have addresses in one namespace
  std::string
      packet_ports{};    // "packet", "tap"; "": the daemon's choice, of a unikernel always tap
  std::string fabric{};  // "bridge"; "": the daemon's choice
  std::string technology = "container";  // of far end and the function before it
  std::string middle = "forwarder";      // that function; or "firewall", which tracks connections
};

// Through a private daemon, which all share: `direct` to a container with a kernel's stack, or to a
// unikernel with a TCP of its own; `through` one function of libvnf to a container; `responder`,
// for a unikernel alone, answers no stream but pings, `polling` is one that polls. The modes of
// their rows end in ", bridge" when that is asked for.
struct VireoPaths {
  std::shared_ptr<Path> direct, through, responder, polling;
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
