// SPDX-License-Identifier: Apache-2.0
// Runs functions as processes in namespaces of their own: Linux containers.
//
// A shell is a process of vireo-enter, started by the keeper, that waits in its namespaces with
// everything mounted that does not depend on an instance (enter_plan.h). A start sends it one plan.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "driver/container/container.h"
#include "driver/container/mount_room.h"
#include "driver/kept_driver.h"

namespace vireo {

struct ContainerOptions {
  std::string state_dir{};       // changes of writable roots
  std::string runtime_dir{};     // the keeper's socket
  std::string log_dir{};         // "": no logs
  std::string keeper_program{};  // path of vireo-keeper
  std::string enter_program{};   // path of vireo-enter
  // Of the directory below our own control groups. "": made from state_dir, so that two daemons on
  // one host never take each other's instances for leftovers.
  std::string cgroup_name{};
  std::string cgroup_root{};  // "": from /proc/self/cgroup
  NumberSource& ids;          // of ranges of user ids
};

class ContainerDriver final : public KeptDriver<Container>,
                              public Executor,
                              public Resizer,
                              public Pauser,
                              public FunctionAccess,
                              public FileAccess,
                              public Preloader {
 public:
  // Starts the keeper if none runs, takes back what it holds, and removes what is left of
  // instances that it does not know.
  static Result<std::unique_ptr<ContainerDriver>> open(const ContainerOptions& options);
  // Finishes background work. Instances run on.
  ~ContainerDriver() override;

  HostSupport check_host() override;
  Result<Shell> prepare(const ShellShape& shape) override;
  Result<void> start(const InstanceId& shell, const InstanceSpec& spec,
                     std::vector<PortEndpoint> ports, std::vector<Phase>* phases) override;
  Result<void> stop(const InstanceId& id, StopKind kind) override;
  void rest() override;

  Executor* executor() override { return this; }
  Resizer* resizer() override { return this; }
  Pauser* pauser() override { return this; }
  FunctionAccess* functions() override { return this; }
  FileAccess* files() override { return this; }
  Preloader* preloader() override { return this; }

  Result<Session> exec(const InstanceId& id, const Request& request) override;
  Result<int> exit_code(const std::string& session) override;
  Result<void> resize(const InstanceId& id, const Resources& resources) override;
  Result<void> pause(const InstanceId& id) override;
  Result<void> resume(const InstanceId& id) override;
  bool paused(const InstanceId& id) override;
  Result<Fd> vitals(const InstanceId& id) override;
  Result<std::string> export_state(const InstanceId& id,
                                   std::chrono::milliseconds deadline) override;
  Result<void> import_state(const InstanceId& id, std::string_view state,
                            std::chrono::milliseconds deadline) override;

  Result<Fd> network_namespace(const InstanceId& id) override;
  Result<void> rewrite(const InstanceId& id, const FileContent& file) override;
  Result<void> preload(const InstanceId& shell, const InstanceSpec& like) override;
  // Waits for background work that was begun before.
  void settle();

 private:
  explicit ContainerDriver(const ContainerOptions& options);
  void adopt(const KeeperEntry& entry) override;  // recovery.cc
  void sweep(const std::set<std::string>& alive) override;

  // shell.cc
  Result<void> spawn_shell(Container& shell, const UnixSocket& enter_end);
  Result<void> begin_shell(Container& shell);
  // start.cc
  Result<void> begin_function(Container& shell, const InstanceSpec& spec,
                              const std::vector<PortEndpoint>& ports);
  Result<void> run_in(Container& shell, const InstanceSpec& spec,
                      const std::vector<PortEndpoint>& ports, std::vector<Phase>* phases);
  Result<RootNeeds> missing_of(const InstanceSpec& spec, const RootNeeds& needs);  // load.cc
  Result<void> load(Container& shell, const InstanceSpec& spec, const EnterRequest& request,
                    const std::vector<PortEndpoint>& ports);
  Result<void> load_ahead(Container& shell, const InstanceSpec& like);
  Result<void> adapt(const Container& shell, const InstanceSpec& spec);
  Result<void> spawn_guest(const Container& host, Session& session,
                           const UnixSocket& enter_end);  // container_exec.cc
  Result<void> run_guest(const Container& host, const UnixSocket& control, const Fd& plan,
                         const EnterRequest& request, Session& session);
  Result<Fd> files_of(const Container& container);
  void end(const Known& container) override;
  void clear(const Container& container) override;
  Result<void> await_exit(const std::string& session);
  void note_exit(const KeeperClient::Event& event, std::vector<DriverEvent>& events) override;
  void note_other(int fd, std::vector<DriverEvent>& events) override;
  std::string upper_of(const Container& container) const;

  const std::string state_dir_;
  Fd enter_;   // a sealed copy: no instance can write the program
  Fd filter_;  // of system calls: EnterFilter and its instructions, sealed
  std::unique_ptr<MountRoom> room_;
  // The rest is guarded by the mutex.
  struct Guest {
    std::optional<int> wait_status;  // once ended; then `told` is readable
    std::shared_ptr<Fd> told;
  };
  std::map<std::string, Guest> sessions_;     // of exec
  std::vector<DriverEvent> pending_;          // read by others than take_events(), which
  Fd pending_signal_;                         // this wakes
  std::map<std::string, RootNeeds> missing_;  // by image and needs
};

}  // namespace vireo
