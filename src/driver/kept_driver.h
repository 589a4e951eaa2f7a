// SPDX-License-Identifier: Apache-2.0
// A driver whose instances are processes that the keeper keeps: what it knows of them, how it hears
// of their ends, and what it does when a keeper has ended or a daemon before this one was there.
//
// An Instance is a KeptProcess with a `record`: id, technology, range and killed at least, which
// to_text() makes the text of the keeper's entry.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "driver/driver.h"
#include "driver/function_agent.h"
#include "driver/id_ranges.h"
#include "driver/output_files.h"
#include "driver/worker.h"
#include "host/cgroup.h"
#include "keeper/keeper_client.h"

namespace vireo {

// Guarded by the driver's mutex, except where a member says otherwise.
struct KeptProcess {
  std::string entry;  // the keeper's name of it, and the control group's
  int pid = 0;
  Cgroup cgroup;
  InstanceState state = InstanceState::spare;
  bool ready = false;
  std::optional<ExitReason> exit;
  std::optional<InstanceSpec> loaded;    // whose program waits in a spare shell
  std::shared_ptr<FunctionAgent> agent;  // thread-safe by itself
  Fd vitals;
  std::vector<PortEndpoint> ports;  // until the keeper holds them
};

// Of the keeper's word and of the control group, which stays until the instance is destroyed: a
// daemon that comes later finds the same reason. `killed`: on request.
ExitReason exit_reason(int wait_status, bool killed, const Cgroup& cgroup);

struct KeptNames {
  std::string cgroup_prefix;  // "vireo-vmm-"
  std::string entry_prefix;   // "vmm-": what its names at the keeper begin with
  std::string noun;           // "virtual machine"
};

template <class Instance>
class KeptDriver : public Driver, public NetworkAccess, public OutputAccess {
 public:
  const DriverInfo& info() const final { return info_; }
  Result<void> destroy(const InstanceId& id) final;
  Result<std::vector<InstanceStatus>> list() final;
  std::vector<InstanceUsage> usage(std::span<const InstanceId> ids) final;
  int event_fd() const final { return events_.get(); }
  std::vector<DriverEvent> take_events() final;

  NetworkAccess* network() final { return this; }
  Result<int> pid(const InstanceId& id) final;
  OutputAccess* output() final { return this; }
  std::vector<std::string> log_paths(const InstanceId& id) final;
  void forget_output(const InstanceId& id) final;

 protected:
  using Known = std::shared_ptr<Instance>;
  // Options: as VmmOptions.
  template <class Options>
  KeptDriver(DriverInfo info, KeptNames names, const Options& options);
  // Who derives has ended `background_` by then: its tasks use everything.
  ~KeptDriver() override;
  template <class Options>
  Result<void> open_place(const Options& options);
  // Starts the keeper if none runs, takes back what it holds (adopt), and removes what is left of
  // entries that it does not know.
  Result<void> recover();

  Result<Known> find(const InstanceId& id);
  Result<Known> find_running(const InstanceId& id);
  std::shared_ptr<KeeperClient> keeper();  // null: it is not running
  Result<Known> reserve();                 // a spare shell, which only the caller knows
  // Into the control group, as its first process or as another.
  Result<Spawned> spawn(const Cgroup& group, SpawnRequest request);
  // The spare becomes the instance at once, so that a second start of the same id finds it.
  // Nothing: the id runs already.
  Result<Known> begin_start(const InstanceId& shell, const InstanceSpec& spec);
  void end_start(const Known& started, std::vector<PortEndpoint> ports);
  std::vector<Known> take_begun();  // what was started since

  // With the mutex held.
  void know(const Known& instance);
  void watch(int fd, uint32_t what);  // for take_events()
  void watch_agent(const Known& instance);
  // The function's word of being ready is heard; false: it has not come yet.
  bool hear_agent(const Known& instance, std::vector<DriverEvent>& events);
  void note_end(Instance& instance, int wait_status, SteadyTime at,
                std::vector<DriverEvent>& events);

  // What the keeper holds of the entry, and an instance with what all have.
  struct Adopted {
    Known instance;
    std::vector<Fd> held;
  };
  Adopted begin_adoption(const KeeperEntry& entry, const decltype(Instance::record)& record);
  void end_adoption(const KeeperEntry& entry, const Known& instance);

  // Ends it at once, cleans up in the background.
  void forget(const Known& instance);
  void clean_up(Known instance);  // slow

  virtual void adopt(const KeeperEntry& entry) = 0;
  virtual void end(const Known& instance);  // at once
  virtual void note_exit(const KeeperClient::Event& event, std::vector<DriverEvent>& events);
  virtual void note_agent(const Known& instance, uint32_t what, std::vector<DriverEvent>& events);
  virtual void note_other(int, std::vector<DriverEvent>&) {}  // a descriptor that is watched, too
  virtual void clear(const Instance&) {}               // what else one leaves; in the background
  virtual void sweep(const std::set<std::string>&) {}  // what else is not of these entries
  void read_keeper(KeeperClient& link, std::vector<DriverEvent>& events);

  const DriverInfo info_;
  const KeptNames names_;
  const std::string runtime_dir_, keeper_program_;
  OutputFiles output_;
  CgroupTree groups_;
  IdRanges ranges_;
  Fd events_;  // epoll: the keeper's events, the agents, others

  std::mutex mutex_;
  std::map<InstanceId, Known> instances_;
  std::map<std::string, Known> entries_;  // the same, by the keeper's names
  unsigned long next_ = 1;
  std::shared_ptr<KeeperClient> keeper_;  // guarded by the mutex
  std::unique_ptr<Worker> background_;

 private:
  unsigned long number_of(std::string_view entry) const;
  Result<std::vector<KeeperEntry>> link_keeper();
  void sweep_leftovers();
  static void lose(Instance& instance, SteadyTime at, std::vector<DriverEvent>& events);
  void keeper_is_gone(SteadyTime at, std::vector<DriverEvent>& events);
  void note_fd(int fd, uint32_t what, std::vector<DriverEvent>& events);

  std::unordered_map<int, std::weak_ptr<Instance>> agents_;  // by their descriptors
  std::vector<Known> begun_;                                 // until take_begun()
};

}  // namespace vireo
