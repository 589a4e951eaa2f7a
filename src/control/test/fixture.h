// SPDX-License-Identifier: Apache-2.0
// A host of fakes that outlives its daemons, and one daemon at a time on it.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "control/control.h"
#include "driver/fake/fake_driver.h"
#include "fabric/memory/memory_fabric.h"
#include "store/memory/failing_store.h"
#include "store/memory/memory_store.h"

namespace vireo {

// "vnf/fw" (transparent), "vnf/nat" (routed), "vnf/probe" (endpoint, one port), "web" (foreign).
class FakeImages final : public ImageCatalog {
 public:
  FakeImages();
  Result<Image> get(const std::string& reference) override;
  Result<UserIds> find_user(const Image&) override { return UserIds{}; }
  std::vector<std::string> names() override;
  void add(const Image& image);
  void remove(const std::string& reference) { images_.erase(reference); }

 private:
  std::map<std::string, Image> images_;
};
Image function_image(const std::string& name, FunctionRole role, unsigned ports);
Image foreign_image(const std::string& name);

// Beats when told to, and answers checks with what it was given.
class FakeProbe final : public InstanceProbe {
 public:
  Result<vnf::Vitals> read_vitals(const Fd& page) override;
  void check(const InstanceId& id, const HealthCheck& check,
             std::function<void(Result<void>)> done) override;
  uint64_t heartbeat = 0;  // one for all: how often any was looked at
  uint64_t quiet_until_ns = 0;
  uint64_t read = 0;    // packets, by every function
  std::string failure;  // what every function says it failed with; as long as the page has room
  bool beating = true;
  bool healthy = true;
  unsigned checks = 0;
};

// Holds commits back until they are let through, or loses them as a crash does.
class HeldStore final : public Store {
 public:
  explicit HeldStore(Store& store) : store_(store) {}
  void hold();
  void let_through();
  void lose();
  Result<Record> get(const Key& key) override { return store_.get(key); }
  Result<std::vector<Record>> list(std::string_view prefix) override { return store_.list(prefix); }
  Result<Revision> commit(std::span<const Write> writes) override;
  Result<uint64_t> allocate(std::string_view range, std::string_view owner,
                            uint64_t limit) override {
    return store_.allocate(range, owner, limit);
  }
  Result<void> release(std::string_view range, std::string_view owner) override {
    return store_.release(range, owner);
  }

 private:
  enum class Mode { through, held, lost };
  Store& store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Mode mode_ = Mode::through;
};

class World {
 public:
  World();
  ~World() { stop_daemon(); }
  void start_daemon(unsigned pool_size = 0);
  void stop_daemon();  // ends in order: what waits is committed
  // As by SIGKILL: what was not durable is lost.
  void crash_daemon();
  // Events and steps until nothing moves; false: it did not come to rest.
  bool settle();
  // Steps until `id` was made (true) or all is at rest (false).
  bool run_until(const std::string& id);
  Control& daemon() { return *control_; }
  Result<Control::Accepted> run(const std::string& descriptor);
  // Runs and settles; the operation's end.
  Operation run_settled(const std::string& descriptor);
  FunctionStatus function(const std::string& service, const std::string& name);

  // Everything that exists, without generations and times: equal worlds look equal. `hosts`: and
  // which names instances know.
  std::string picture(bool hosts = false);
  // What is there beside `picture()`: nothing, when nothing leaked.
  size_t spares();

  std::shared_ptr<FakeHost> host = std::make_shared<FakeHost>();
  std::shared_ptr<FakeHost> machines = std::make_shared<FakeHost>();  // runs unikernel.vireo.kvm
  std::shared_ptr<MemoryWorld> network = std::make_shared<MemoryWorld>();
  MemoryStore memory;
  FailingStore failing{memory};
  HeldStore store{failing};
  ManualClock clock;
  FakeImages images;
  FakeProbe probe;
  std::vector<std::string> steps;  // of all daemons, in order
  bool hold_commits = false;       // until all is at rest

 private:
  bool let_breathe();

  std::unique_ptr<FakeDriver> driver_, machine_driver_;
  std::unique_ptr<MemoryFabric> fabric_;
  std::unique_ptr<Control> control_;
};

extern const char* const branch_office;  // fw and nat in a chain, web on wan
extern const char* const edited_office;  // nat has more memory, web another command, dns is new
extern const char* const small_office;   // web alone

}  // namespace vireo
