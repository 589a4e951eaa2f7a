// SPDX-License-Identifier: Apache-2.0
// The end systems around a function: one for each of its ports, behind one veth pair each, whose
// near end is handed to the technology. No kernel answers there: they send what they are told, keep
// what arrives, and answer ARP and neighbour solicitations for any address but the function's.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/net_address.h"
#include "vnf/testing.h"

namespace vireo::behaviour {

using vnf::testing::Bytes;

MacAddress mac_of_host(unsigned port);      // the host's own
MacAddress mac_of_function(unsigned port);  // given to the function's port where it has addresses

struct Arrival {
  unsigned port = 0;
  Bytes frame;
};

class Hosts {
 public:
  // In the calling thread's network namespace; `serial` keeps names apart.
  static Result<Hosts> make(unsigned count, unsigned serial);
  Hosts(Hosts&& other) noexcept = default;
  Hosts& operator=(Hosts&&) = delete;
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;
  ~Hosts();  // removes the pairs

  std::string near(unsigned port) const;  // the interface that the technology takes
  unsigned count() const { return static_cast<unsigned>(sockets_.size()); }
  void answer_for_neighbours() { answers_ = true; }

  Result<void> send(unsigned port, const Bytes& frame);
  // What has arrived, waiting at most so long for the first. Talk of neighbours that was answered
  // and what kernels say on every link (MLD, router discovery) is not among it.
  Result<std::vector<Arrival>> receive(std::chrono::milliseconds patience);

 private:
  explicit Hosts(unsigned serial) : serial_(serial) {}
  std::string far(unsigned port) const;
  Result<void> connect(unsigned port);
  Result<bool> take(unsigned port, std::vector<Arrival>& arrivals);  // false: nothing is there
  bool answered(unsigned port, const Bytes& frame);

  unsigned serial_;
  bool answers_ = false;
  std::vector<Fd> sockets_;
};

}  // namespace vireo::behaviour
