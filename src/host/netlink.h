// SPDX-License-Identifier: Apache-2.0
// One rtnetlink socket in one network namespace: sends batches of changes, reads the tables. The
// socket keeps its namespace alive. For one thread at a time.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/net_address.h"
#include "base/result.h"
#include "host/netlink_batch.h"

struct nlmsghdr;

namespace vireo {

struct LinkCounters {
  uint64_t rx_packets = 0, tx_packets = 0, rx_bytes = 0, tx_bytes = 0;
  uint64_t rx_dropped = 0, tx_dropped = 0;
};

// A network interface as the kernel reports it.
struct LinkRow {
  int index = 0;
  std::string name;
  std::string kind;  // "veth", "tun", "bridge", ...; "" for a device of hardware
  std::string alias;
  int master = 0;  // index of its bridge; 0: none
  MacAddress mac;
  unsigned mtu = 0, group = 0;
  bool up = false;           // administratively
  bool operational = false;  // frames can pass: a bridge port may forward
  bool loopback = false;
  bool promiscuous = false;            // by its own flag
  std::optional<unsigned> port_state;  // of a bridge port, BR_STATE_*
  bool port_locked = false, floods_unicast = false, floods_group = false;
  LinkCounters counters;
};

struct NeighbourRow {
  int index = 0;
  IpAddress address;
  MacAddress mac;
};

class Netlink {
 public:
  // In the given network namespace, or the calling thread's.
  static Result<Netlink> open(const Fd* network_namespace = nullptr);

  // Sends all of it; each message takes effect on its own, in order. The first failure that the
  // batch does not tolerate is the result; what came before and after it has been done.
  Result<void> commit(const NetlinkBatch& batch);

  Result<std::vector<LinkRow>> links();
  Result<LinkRow> link(const std::string& name);  // Errc::not_found
  Result<LinkRow> link(int index);
  Result<std::vector<IpPrefix>> addresses(int index);
  Result<std::vector<Route>> routes(int index);  // unicast, not made by the kernel itself
  Result<std::vector<NeighbourRow>> neighbours(int index);
  Result<std::vector<ForwardingRow>> forwarding(
      int bridge);  // static ones; interfaces' own MACs are among the reserved
  // Waits until frames can pass the link (carrier notifications are asynchronous).
  Result<void> wait_operational(int index, std::chrono::milliseconds deadline);

 private:
  explicit Netlink(Fd socket) : socket_(std::move(socket)) {}
  using Visit = std::function<void(const nlmsghdr&)>;
  Result<void> send(std::string_view bytes);
  Result<std::vector<char>> receive();
  Result<void> request(std::string bytes, const Visit& visit);
  size_t number(const NetlinkBatch& batch, size_t first, std::string& bytes);
  Result<void> answers(const NetlinkBatch& batch, size_t first, size_t count);
  Result<LinkRow> one_link(int index, const std::string& name);

  Fd socket_;
  uint32_t sequence_ = 0;
};

}  // namespace vireo
