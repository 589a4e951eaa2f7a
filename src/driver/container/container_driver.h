// SPDX-License-Identifier: Apache-2.0
// Runs functions as processes in namespaces of their own: Linux containers.
//
// A shell is a process of vireo-enter, started by the keeper, that waits in its namespaces with
// everything mounted that does not depend on an instance (enter_plan.h). A start sends it one plan.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "driver/container/container.h"
#include "driver/container/mount_room.h"
#include "driver/driver.h"
#include "driver/id_ranges.h"
#include "driver/output_files.h"
#include "driver/worker.h"
#include "keeper/keeper_client.h"

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

class ContainerDriver final : public Driver,
                              public Executor,
                              public Resizer,
                              public FunctionAccess,
                              public NetworkAccess,
                              public FileAccess,
                              public OutputAccess,
                              public Preloader {
 public:
  // Starts the keeper if none runs, takes back what it holds, and removes what is left of
  // instances that it does not know.
  static Result<std::unique_ptr<ContainerDriver>> open(const ContainerOptions& options);
  // Finishes background work. Instances run on.
  ~ContainerDriver() override;

  const DriverInfo& info() const override { return info_; }
  HostSupport check_host() override;
  Result<Shell> prepare(const ShellShape& shape) override;
  Result<void> start(const InstanceId& shell, const InstanceSpec& spec,
                     std::vector<PortEndpoint> ports, std::vector<Phase>* phases) override;
  Result<void> stop(const InstanceId& id, StopKind kind) override;
  Result<void> destroy(const InstanceId& id) override;
  Result<std::vector<InstanceStatus>> list() override;
  std::vector<InstanceUsage> usage(std::span<const InstanceId> ids) override;
  void rest() override;
  int event_fd() const override { return events_.get(); }
  std::vector<DriverEvent> take_events() override;

  Executor* executor() override { return this; }
  Resizer* resizer() override { return this; }
  FunctionAccess* functions() override { return this; }
  NetworkAccess* network() override { return this; }
  FileAccess* files() override { return this; }
  OutputAccess* output() override { return this; }
  Preloader* preloader() override { return this; }

  Result<Session> exec(const InstanceId& id, const Request& request) override;
  Result<int> exit_code(const std::string& session) override;
  Result<void> resize(const InstanceId& id, const Resources& resources) override;
  Result<Fd> vitals(const InstanceId& id) override;
  Result<std::string> export_state(const InstanceId& id,
                                   std::chrono::milliseconds deadline) override;
  Result<void> import_state(const InstanceId& id, std::string_view state,
                            std::chrono::milliseconds deadline) override;

  Result<Fd> network_namespace(const InstanceId& id) override;
  Result<int> pid(const InstanceId& id) override;
  Result<void> rewrite(const InstanceId& id, const FileContent& file) override;
  std::vector<std::string> log_paths(const InstanceId& id) override;
  void forget_output(const InstanceId& id) override;
  Result<void> preload(const InstanceId& shell, const InstanceSpec& like) override;
  // Waits for background work that was begun before.
  void settle();

 private:
  using Known = std::shared_ptr<Container>;
  explicit ContainerDriver(ContainerOptions options);
  Result<std::vector<KeeperEntry>> link_keeper();  // recovery.cc
  Result<void> connect_keeper();
  void adopt(const KeeperEntry& entry, const ContainerRecord& record);
  void sweep_leftovers();
  static void lose(const Known& known, SteadyTime at, std::vector<DriverEvent>& events);
  void keeper_is_gone(SteadyTime at, std::vector<DriverEvent>& events);

  Result<Known> find(const InstanceId& id);
  std::shared_ptr<KeeperClient> keeper();
  Result<Known> reserve_shell();  // shell.cc
  Result<void> spawn_shell(Container& shell, const UnixSocket& enter_end);
  Result<void> begin_shell(Container& shell);
  Result<Known> begin_start(const InstanceId& shell, const InstanceSpec& spec);  // start.cc
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
  void forget(const Known& container);  // background removal
  void read_keeper(KeeperClient& link, std::vector<DriverEvent>& events);
  Result<void> await_exit(const std::string& session);
  void note_exit(const KeeperClient::Event& event, std::vector<DriverEvent>& events);
  void note_ready(int agent, std::vector<DriverEvent>& events);
  void watch(int fd, bool once);
  std::string upper_of(const Container& container) const;

  ContainerOptions options_;
  OutputFiles output_;
  DriverInfo info_;
  Fd enter_;   // a sealed copy: no instance can write the program
  Fd filter_;  // of system calls: EnterFilter and its instructions, sealed
  Fd events_;  // epoll: the keeper's events and the agents
  CgroupTree groups_;
  std::unique_ptr<MountRoom> room_;
  std::mutex mutex_;
  std::shared_ptr<KeeperClient> keeper_;
  std::map<InstanceId, Known> containers_;
  std::map<std::string, Known> entries_;  // the same, by the keeper's names
  struct Guest {
    std::optional<int> wait_status;  // once ended; then `told` is readable
    std::shared_ptr<Fd> told;
  };
  std::map<std::string, Guest> sessions_;  // of exec
  std::vector<Known> begun_;               // since rest()
  std::vector<DriverEvent> pending_;       // read by others than take_events(), which
  Fd pending_signal_;                      // this wakes
  std::unique_ptr<IdRanges> ranges_;
  std::map<std::string, RootNeeds> missing_;  // by image and needs
  unsigned long next_ = 1;
  std::unique_ptr<Worker> background_;  // last
};

}  // namespace vireo
