// SPDX-License-Identifier: Apache-2.0
// A driver without a host: instances are entries in memory that behave as their command says. It
// ships, so that services can be tried and control can be tested where nothing may be started.
//
// Words in the command (any argument) script an instance:
//   slow:MS      start() takes so long        fail         start() fails
//   exit:CODE    ends by itself at once       exit:CODE:MS after so long
//   signal:N     ends by that signal at once  stubborn     ignores stop(ask)
//   silent       never says that it is ready  busy      takes processor time at each look
#pragma once
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "driver/driver.h"

namespace vireo {

// What outlives a driver object, as real instances outlive a daemon. Thread-safe.
class FakeHost {
 public:
  FakeHost() = default;
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  size_t shells() const;     // spares
  size_t instances() const;  // not destroyed, ended ones included
  size_t starts() const;     // since the beginning
  size_t loaded() const;     // spares with a program
  // What a running instance reads in a file that it was given; "": no such file.
  std::string file(const InstanceId& id, const std::string& path) const;
  bool paused(const InstanceId& id) const;
  void refuse_pauses();  // from now on
  // The next `count` calls of start() fail.
  void fail_starts(unsigned count);
  // While held, no function answers a request for its state.
  void hold_states(bool held);
  // The state of a function, as it gives it; a test may set it.
  std::string state(const InstanceId& id) const;
  void set_state(const InstanceId& id, std::string state);
  // Ends a running instance as a crash would.
  void crash(const InstanceId& id, ExitReason reason);

 private:
  friend class FakeDriver;
  struct Entry {
    InstanceSpec spec;
    std::vector<PortEndpoint> ports;
    InstanceState state = InstanceState::spare;
    std::optional<ExitReason> exit;
    bool loaded = false;  // a spare: the program of `spec`
    bool ready = false;
    bool stubborn = false, busy = false, paused = false;
    uint64_t cpu_ns = 1'000'000;
    std::optional<SteadyTime> ends_at;
    ExitReason ends_as;
    std::string state_bytes;  // of a function
  };
  // With the mutex held.
  void end(const InstanceId& id, Entry& entry, ExitReason reason);
  void tell(DriverEvent event);

  mutable std::mutex mutex_;
  std::map<InstanceId, Entry> entries_;
  std::map<std::string, int> sessions_;
  std::vector<DriverEvent> events_;
  int signal_ = -1;  // eventfd of the driver object that is open
  unsigned long next_ = 1;
  size_t starts_ = 0;
  unsigned failures_ = 0;
  bool states_held_ = false, pauses_refused_ = false;
  std::condition_variable states_released_;
};

class FakeDriver final : public Driver,
                         public Executor,
                         public Resizer,
                         public Pauser,
                         public FunctionAccess,
                         public FileAccess,
                         public Preloader {
 public:
  // At most one driver object for a host at a time.
  static Result<std::unique_ptr<FakeDriver>> open(std::shared_ptr<FakeHost> host,
                                                  std::string technology = "container");
  ~FakeDriver() override;

  const DriverInfo& info() const override { return info_; }
  HostSupport check_host() override;
  Result<Shell> prepare(const ShellShape& shape) override;
  Result<void> start(const InstanceId& shell, const InstanceSpec& spec,
                     std::vector<PortEndpoint> ports, std::vector<Phase>* phases) override;
  Result<void> stop(const InstanceId& id, StopKind kind) override;
  Result<void> destroy(const InstanceId& id) override;
  Result<std::vector<InstanceStatus>> list() override;
  std::vector<InstanceUsage> usage(std::span<const InstanceId> ids) override;
  int event_fd() const override { return signal_.get(); }
  std::vector<DriverEvent> take_events() override;

  Executor* executor() override { return this; }
  Resizer* resizer() override { return this; }
  Pauser* pauser() override { return this; }
  FunctionAccess* functions() override { return this; }
  FileAccess* files() override { return this; }
  Preloader* preloader() override { return this; }
  // Prints its arguments; "exit:CODE" among them is its exit code.
  Result<Session> exec(const InstanceId& id, const Request& request) override;
  Result<int> exit_code(const std::string& session) override;
  Result<void> resize(const InstanceId& id, const Resources& resources) override;
  Result<void> pause(const InstanceId& id) override;
  Result<void> resume(const InstanceId& id) override;
  bool paused(const InstanceId& id) override { return host_->paused(id); }
  Result<void> rewrite(const InstanceId& id, const FileContent& file) override;
  Result<void> preload(const InstanceId& shell, const InstanceSpec& like) override;
  Result<Fd> vitals(const InstanceId& id) override;
  Result<std::string> export_state(const InstanceId& id,
                                   std::chrono::milliseconds deadline) override;
  Result<void> import_state(const InstanceId& id, std::string_view state,
                            std::chrono::milliseconds deadline) override;

 private:
  FakeDriver(std::shared_ptr<FakeHost> host, std::string technology);
  Result<void> begin(const InstanceId& shell, const InstanceSpec& spec);
  Result<void> set_paused(const InstanceId& id, bool paused);
  void watch_clock(const std::stop_token& stop);  // ends those whose time has come

  DriverInfo info_;
  std::shared_ptr<FakeHost> host_;
  Fd signal_;
  std::condition_variable_any changed_;
  std::jthread clock_;  // last
};

}  // namespace vireo
