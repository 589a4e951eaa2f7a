// SPDX-License-Identifier: Apache-2.0
// A function in one technology between hosts: frames in, text of the frames out.
//
// That something did not come out is known without waiting for a time: behind the frames go probes,
// which pass the function, and what the frames caused is out before the second probe is (frames
// keep their order on a link; a function turns to every port between two turns to one).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "behaviour/hosts.h"
#include "behaviour/platform.h"

namespace vireo::behaviour {

using vnf::testing::Build;

struct SetupPort {
  std::vector<std::string> subnets;    // "10.1.0.0/24"
  std::vector<std::string> addresses;  // of the function, one of each subnet: "10.1.0.1"
  std::vector<std::string> hosts;      // that are behind it
};

struct Probe {
  unsigned port = 0;  // where it goes in
  Build frame;        // passes the function; its payload is replaced
};

struct Setup {
  std::string image;          // "router"
  std::string config = "{}";  // as in a descriptor
  // Shell commands, in /proc/sys/net, that make a namespace with IP forwarding the same; $P0, $P1,
  // ... are its interfaces, which have the addresses. "": the function has no reference.
  std::string linux;
  bool transparent = false;  // the function has no addresses; the hosts see each other
  bool bridged = false;      // and so does the reference
  std::vector<SetupPort> ports;
  // One for each host and gateway that frames go to, so that all are known as neighbours. The first
  // into a port is the one that goes behind the frames of a case.
  std::vector<Probe> probes;
};

class Bench {
 public:
  static Result<std::unique_ptr<Bench>> start(const std::string& technology, const Setup& setup);
  ~Bench();

  // Sends the frames into a port, one behind the other. What came out, a line each, first those of
  // host `a` (behind the first port), then `b`, ...: "b: udp 10.1.0.2:40000 > ...". Or the error.
  std::string send_raw(unsigned port, const std::vector<Bytes>& frames);
  // The same with the right Ethernet addresses.
  std::string send(unsigned port, std::vector<Bytes> frames);

 private:
  Bench(const Setup& setup, Hosts hosts) : setup_(setup), hosts_(std::move(hosts)) {}
  Result<void> start_service(const std::string& technology, unsigned serial);
  Result<void> start_reference();
  Result<void> settle();
  void address(unsigned port, Bytes& frame) const;
  const Probe& probe_behind(unsigned port) const;
  Result<std::vector<Arrival>> send_all(unsigned port, const std::vector<Bytes>& frames);
  Result<void> probe(const Probe& probe, std::chrono::milliseconds patience,
                     std::vector<Arrival>& arrivals, bool& passed);
  bool routed() const { return !setup_.transparent || (reference_.get() >= 0 && !setup_.bridged); }
  bool made_by_function(const Bytes& frame) const;
  std::string text_of(const Arrival& arrival) const;
  std::string stranger(const Arrival& arrival) const;

  const Setup& setup_;
  Hosts hosts_;
  Fd reference_;         // its network namespace
  std::string service_;  // of the platform; "": none
  uint32_t probes_sent_ = 0;
};

}  // namespace vireo::behaviour
