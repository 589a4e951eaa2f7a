// SPDX-License-Identifier: Apache-2.0
// A client and a server in network namespaces of their own, and what lies between them: two ports
// for a function. Nothing is visible outside, and all is gone with the object.
#pragma once
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace vireo::vnf {

enum class LabKind { tap, packet_socket, bare };

// client eth0 (10.9.0.1, fd09::1) - function - eth0 (10.9.0.2, fd09::2) server. With taps, eth0 is
// itself the tap, and the function holds its other side; with packet sockets eth0 is a veth whose
// other end lies in the middle namespace, which holds no address; bare: one veth pair, no function.
// A sender chooses cubic by itself (iperf -Z cubic): a namespace may not choose a restricted one.
class Lab {
 public:
  static Result<Lab> make(LabKind kind);
  const Fd& client() const { return client_; }
  const Fd& server() const { return server_; }
  const Fd& middle() const { return middle_; }
  std::vector<int> ports() const;

 private:
  Fd client_, server_, middle_;
  std::vector<Fd> ports_;
};

// Runs a shell command in a namespace to its end; its output, or what went wrong.
Result<std::string> run_in(const Fd& network_namespace, const std::string& command);

// A shell command that runs beside the test; killed with all its children at the end.
class Background {
 public:
  Background(const Fd& network_namespace, const std::string& command);
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background();

 private:
  pid_t pid_ = 0;
};

// Waits until a TCP port listens in the namespace (of the calling process's network files).
Result<void> wait_listening(const Fd& network_namespace, unsigned port);

}  // namespace vireo::vnf
