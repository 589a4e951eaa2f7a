// SPDX-License-Identifier: Apache-2.0
// A fabric without a kernel: ports are socket pairs that carry frames as a tap does (a virtio_net
// header of 10 bytes in front), links are tables in memory. For tests of all that stands on a
// fabric, and for hosts where nothing may be changed. Frames move when pump() is called.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fabric/fabric.h"

namespace vireo {

// What outlives the daemon. Several fabrics, one after the other, may be made over one world.
class MemoryWorld {
 public:
  // Delivers what functions have sent, until nothing is left.
  void pump();
  // The next call of this name ("bind", "set_state", ...) does nothing and gives the error.
  void fail_next(const std::string& call, Error error);
  // As if so much more had been counted at a port.
  void count(const PortId& id, const PortCounters& more);
  // How many links and ports there are, spares among them.
  size_t size();

 private:
  friend class MemoryFabric;
  struct Port {
    PortSpec spec;  // link "": a spare
    GateState gate = GateState::blocked;
    Fd inside;   // the function's end
    Fd outside;  // ours
    PortCounters counters;
  };
  bool deliver(const Port& from, const std::string& frame);
  void give(Port& port, const std::string& frame);
  std::optional<Error> failure(const std::string& call);

  std::mutex mutex_;
  std::map<LinkId, LinkRequest> links_;
  std::map<PortId, Port> ports_;
  std::map<LinkId, std::map<MacAddress, PortId>> behind_;
  std::multimap<std::string, Error> failures_;
  unsigned made_ = 0;
};

class MemoryFabric final : public Fabric {
 public:
  explicit MemoryFabric(std::shared_ptr<MemoryWorld> world);

  const FabricInfo& info() const override { return info_; }
  HostSupport check_host() override { return {true, "in memory", {}, {}}; }
  Result<void> ensure_link(const LinkRequest& link) override;
  Result<void> remove_link(const LinkId& id) override;
  Result<PortId> prepare(PortKind kind, const Fd* network_namespace) override;
  Result<PortEndpoint> bind(const PortId& spare, const PortSpec& port, GateState gate) override;
  Result<void> adopt(const PortSpec& port, const std::string& interface,
                     const Fd& network_namespace) override;
  Result<void> update(const PortSpec& port) override;
  Result<void> set_state(const PortId& id, GateState state) override;
  Result<void> swap(const PortId& from, const PortId& to) override;
  Result<void> unplug(const PortId& id) override;
  Result<std::optional<PortId>> reclaim(const PortId& id) override;  // taps
  std::vector<PortCounters> counters(std::span<const PortId> ids) override;
  Result<FabricState> list() override;

 private:
  Result<void> open(MemoryWorld::Port& port);

  FabricInfo info_;
  std::shared_ptr<MemoryWorld> world_;
};

}  // namespace vireo
