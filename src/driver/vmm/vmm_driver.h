// SPDX-License-Identifier: Apache-2.0
// Runs libvnf functions as unikernels, each in a virtual machine of its own: a process of vireo-vmm
// (vmm/vmm_protocol.h), started by the keeper, with its own user id and no rights.
//
// The operation's record says in which of its ways a machine was started (start_tier.h).
//
// A shell is such a process before it has an image. The image of a function lies beside its program
// for containers, as `function.elf` in the root of the same image.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "driver/driver.h"
#include "driver/output_files.h"
#include "driver/vmm/start_tier.h"
#include "driver/vmm/templates.h"
#include "driver/vmm/vmm_record.h"
#include "driver/worker.h"
#include "host/kvm_probe.h"
#include "keeper/keeper_client.h"

namespace vireo {

struct VmmOptions {
  std::string state_dir{};
  std::string runtime_dir{};     // the keeper's socket
  std::string log_dir{};         // "": no logs
  std::string keeper_program{};  // path of vireo-keeper
  std::string vmm_program{};     // path of vireo-vmm
  std::string cgroup_name{};     // "": made from state_dir
  std::string cgroup_root{};     // "": from /proc/self/cgroup
  NumberSource& ids;             // of ranges of user ids
  StartTier quickest = StartTier::rehearsed;
};

class VmmDriver final : public Driver,
                        public Resizer,
                        public FunctionAccess,
                        public NetworkAccess,
                        public OutputAccess,
                        public Preloader {
 public:
  // Starts the keeper if none runs, takes back what it holds, and removes what is left of machines
  // that it does not know.
  static Result<std::unique_ptr<VmmDriver>> open(const VmmOptions& options);
  // Finishes background work. Instances run on.
  ~VmmDriver() override;

  const DriverInfo& info() const override { return info_; }
  HostSupport check_host() override;
  Result<Shell> prepare(const ShellShape& shape) override;
  Result<void> start(const InstanceId& shell, const InstanceSpec& spec,
                     std::vector<PortEndpoint> ports, std::vector<Phase>* phases) override;
  Result<void> stop(const InstanceId& id, StopKind kind) override;
  Result<void> destroy(const InstanceId& id) override;
  Result<std::vector<InstanceStatus>> list() override;
  std::vector<InstanceUsage> usage(std::span<const InstanceId> ids) override;
  std::string start_tier(const InstanceId& id) override;
  void rest() override;
  int event_fd() const override { return events_.get(); }
  std::vector<DriverEvent> take_events() override;

  Resizer* resizer() override { return this; }
  FunctionAccess* functions() override { return this; }
  NetworkAccess* network() override { return this; }
  OutputAccess* output() override { return this; }
  Preloader* preloader() override {
    return options_.quickest >= StartTier::parked ? this : nullptr;
  }

  Result<void> resize(const InstanceId& id, const Resources& resources) override;
  Result<Fd> vitals(const InstanceId& id) override;
  Result<std::string> export_state(const InstanceId& id,
                                   std::chrono::milliseconds deadline) override;
  Result<void> import_state(const InstanceId& id, std::string_view state,
                            std::chrono::milliseconds deadline) override;
  Result<Fd> network_namespace(const InstanceId& id) override;  // Errc::unsupported
  Result<int> pid(const InstanceId& id) override;
  std::vector<std::string> log_paths(const InstanceId& id) override;
  void forget_output(const InstanceId& id) override;
  Result<void> preload(const InstanceId& shell, const InstanceSpec& like) override;

 private:
  using Known = std::shared_ptr<VirtualMachine>;
  explicit VmmDriver(VmmOptions options);
  Result<std::vector<KeeperEntry>> link_keeper();  // recovery.cc
  Result<void> connect_keeper();
  void adopt(const KeeperEntry& entry, const VmmRecord& record);
  void sweep_leftovers();
  static void lose(const Known& known, SteadyTime at, std::vector<DriverEvent>& events);
  void keeper_is_gone(SteadyTime at, std::vector<DriverEvent>& events);

  Result<Known> find(const InstanceId& id);
  std::shared_ptr<KeeperClient> keeper();
  Result<Known> reserve();  // start.cc
  Result<Known> make_shell();
  Result<void> spawn(VirtualMachine& shell);
  Result<Known> begin_start(const InstanceId& shell, const InstanceSpec& spec);
  // load.cc: from a template, or cold
  Result<StartTier> load(VirtualMachine& shell, const InstanceSpec& spec);
  Result<void> await_loaded(VirtualMachine& shell);
  Result<void> load_and_wait(VirtualMachine& shell, const InstanceSpec& spec);
  Result<void> keep_template(VirtualMachine& shell, const InstanceSpec& spec);
  void want_template(const InstanceSpec& spec);
  void make_wanted_templates();
  Result<void> make_template(const InstanceSpec& spec);
  Result<void> rehearse(VirtualMachine& shell, const InstanceSpec& like);
  Result<void> begin(VirtualMachine& shell, const InstanceSpec& spec,
                     const std::vector<PortEndpoint>& ports);
  Result<void> run_in(VirtualMachine& shell, const InstanceSpec& spec,
                      const std::vector<PortEndpoint>& ports, std::vector<Phase>* phases);
  void forget(const Known& machine);  // ends it at once, cleans up in the background
  void end(const Known& machine);
  void clean_up(Known machine);
  void read_keeper(KeeperClient& link, std::vector<DriverEvent>& events);  // events.cc
  void note_exit(const KeeperClient::Event& event, std::vector<DriverEvent>& events);
  void note_agent(int agent, uint32_t what, std::vector<DriverEvent>& events);
  void note_hang_up(VirtualMachine& machine, std::vector<DriverEvent>& events);
  void watch(int fd, uint32_t what);
  void watch_agent(const Known& machine);

  VmmOptions options_;
  OutputFiles output_;
  DriverInfo info_;
  CgroupTree groups_;
  std::unique_ptr<IdRanges> ranges_;
  Fd vmm_, filter_, kvm_, network_;
  KvmProbe probe_;
  Fd events_;
  Templates templates_;

  std::mutex mutex_;
  std::shared_ptr<KeeperClient> keeper_;
  std::map<InstanceId, Known> machines_;
  std::map<std::string, Known> entries_;                           // by the keeper's name
  std::unordered_map<int, std::weak_ptr<VirtualMachine>> agents_;  // by their descriptors
  std::vector<Known> begun_;                                       // until rest()
  std::vector<InstanceSpec> wanted_;                               // templates, until rest()
  unsigned long next_ = 1;
  std::unique_ptr<Worker> background_;  // last: its tasks use the others
};

}  // namespace vireo
