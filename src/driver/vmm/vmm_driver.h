// SPDX-License-Identifier: Apache-2.0
// Runs libvnf functions as unikernels, each in a virtual machine of its own: a process of vireo-vmm
// (vmm/vmm_protocol.h), which a zygote makes for the keeper, with its own user id and no rights. It
// ends with its keeper, so that it needs a control group only where one limits it.
//
// The operation's record says in which of its ways a machine was started (start_tier.h).
//
// A shell is such a process before it has an image. The image of a function lies beside its program
// for containers, as `function.elf` in the root of the same image.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "driver/kept_driver.h"
#include "driver/vmm/start_tier.h"
#include "driver/vmm/templates.h"
#include "driver/vmm/vmm_filter.h"
#include "driver/vmm/vmm_record.h"
#include "host/kvm_probe.h"

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

class VmmDriver final : public KeptDriver<VirtualMachine>,
                        public Resizer,
                        public Pauser,
                        public FunctionAccess,
                        public Preloader {
 public:
  // Starts the keeper if none runs, takes back what it holds, and removes what is left of machines
  // that it does not know.
  static Result<std::unique_ptr<VmmDriver>> open(const VmmOptions& options);
  // Finishes background work. Instances run on.
  ~VmmDriver() override;

  HostSupport check_host() override;
  Result<Shell> prepare(const ShellShape& shape) override;
  Result<void> start(const InstanceId& shell, const InstanceSpec& spec,
                     std::vector<PortEndpoint> ports, std::vector<Phase>* phases) override;
  Result<void> stop(const InstanceId& id, StopKind kind) override;
  std::string start_tier(const InstanceId& id) override;
  void rest() override;

  Resizer* resizer() override { return this; }
  Pauser* pauser() override { return this; }
  FunctionAccess* functions() override { return this; }
  Preloader* preloader() override { return quickest_ >= StartTier::parked ? this : nullptr; }

  Result<void> resize(const InstanceId& id, const Resources& resources) override;
  Result<void> pause(const InstanceId& id) override;
  Result<void> resume(const InstanceId& id) override;
  bool paused(const InstanceId& id) override;
  Result<Fd> vitals(const InstanceId& id) override;
  Result<std::string> export_state(const InstanceId& id,
                                   std::chrono::milliseconds deadline) override;
  Result<void> import_state(const InstanceId& id, std::string_view state,
                            std::chrono::milliseconds deadline) override;
  Result<Fd> network_namespace(const InstanceId& id) override;  // Errc::unsupported
  Result<void> preload(const InstanceId& shell, const InstanceSpec& like) override;

 private:
  explicit VmmDriver(const VmmOptions& options);
  void adopt(const KeeperEntry& entry) override;  // recovery.cc
  Result<Known> make_shell();                     // start.cc
  Result<void> fork_vmm(VirtualMachine& shell);
  Result<std::string> make_zygote();  // zygote.cc
  Result<std::string> zygote(const std::string& useless);
  void drop_zygote();
  static bool is_zygote(std::string_view entry);
  Result<Spawned> fork(ForkRequest request);
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
  void clear(const VirtualMachine& machine) override;
  Result<void> signal(const VirtualMachine& machine, int number);  // pause.cc
  void note_agent(const Known& machine, uint32_t what,
                  std::vector<DriverEvent>& events) override;  // events.cc
  void note_hang_up(VirtualMachine& machine, std::vector<DriverEvent>& events);

  const StartTier quickest_;
  Fd vmm_, kvm_, network_;
  VmmFilters filters_;
  KvmProbe probe_;
  Templates templates_;
  std::mutex zygote_mutex_;
  std::string zygote_;                // its entry at the keeper; "": there is none
  std::vector<InstanceSpec> wanted_;  // templates, until rest(); guarded by the mutex
};

}  // namespace vireo
