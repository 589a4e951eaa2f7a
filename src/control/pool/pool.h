// SPDX-License-Identifier: Apache-2.0
// Shells and ports made ahead of a request by a few threads of its own: to make one is mostly to
// wait for others, its process above all. A shell that was used is never used again, a port where
// the fabric says that it may be. Of the programs that were started last, as many as each shape has
// spares, one more shell has the program loaded. A refill waits for wake() and a quiet moment, so
// that it takes no processor from the start that it follows, unless half of the stock is gone.
// Thread-safe. The destructor destroys what is spare.
#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "control/control.h"
#include "driver/driver.h"
#include "fabric/fabric.h"

namespace vireo {

class Pool {
 public:
  // What is kept ready: shells of one technology, each with one veth in its namespace when
  // `own_network`, and loose ports of `packet_kind` beside them (two for each shell).
  struct Stock {
    Driver* driver = nullptr;
    ShellShape shape;
    std::optional<PortKind> packet_kind;
  };
  struct Taken {
    Shell shell;
    std::vector<PortId> spares;  // one for each port of the instance, in order
    bool pooled = false;
    bool loaded = false;  // with its program
    bool low = false;     // none is left; said once until the shelf is full again
  };
  struct Limits {
    unsigned size = 0;              // shells of each stock
    std::chrono::seconds keep{60};  // a program of an image that nothing uses any more stays loaded
    // Ports beyond those that are wanted go when nothing has been started for so long.
    std::chrono::seconds calm{2};
  };
  Pool(Fabric& fabric, Clock& clock, std::vector<Stock> stocks, Limits limits);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // A shell and its spare ports; made on the spot when none is ready.
  Result<Taken> take(Driver& driver, const InstanceSpec& instance);
  // It runs already, and may be started again.
  void expect(Driver& driver, const InstanceSpec& instance);
  void give_back(Driver& driver, Taken taken);  // unused: destroyed, never pooled again
  // Unplugs the port of a machine that has ended; what the fabric can use again is taken last.
  void put_back(PortKind kind, const PortId& port);
  void wake();  // what was taken may be made again
  void note_start(const std::string& technology, const std::string& tier);  // for the metrics
  void lost(const InstanceId& shell);            // it ended, though nobody asked it to
  void forget(const std::string& image_digest);  // destroys what has a program of it
  void note_used(const std::function<bool(const std::string& image_digest)>& used);
  std::vector<PoolMetrics> metrics() const;
  void wait_full();  // until the refill thread has nothing to do

 private:
  struct Place {
    Shell shell;
    std::vector<PortId> veths;
  };
  struct Shelf {
    Stock stock;
    std::vector<Place> places;
    std::chrono::nanoseconds refill{0}, load{0};
    size_t coming = 0;                      // being made
    unsigned loaded_now = 0, refilled = 0;  // programs of the refill that goes on, and of the last
    std::chrono::nanoseconds refilled_in{0};
    uint64_t hits = 0, misses = 0, loaded_hits = 0;
    bool broken = false;  // the last refill failed; until the next take()
    bool low = false;     // ran empty, and has not been full since
  };
  struct Program {
    Driver* driver = nullptr;
    ShellShape shape;
    InstanceSpec like;
    std::optional<Place> place;
    bool broken = false;  // could not be loaded; until the next take()
    std::optional<SteadyTime> unused_since{};
    bool coming = false;  // being loaded
  };
  void run();
  bool hurried() const;
  // Around work without the lock.
  void begin_work(std::unique_lock<std::mutex>& lock);
  void end_work(std::unique_lock<std::mutex>& lock);
  void end_refill();
  bool refill_one(std::unique_lock<std::mutex>& lock);
  bool refill_ports(std::unique_lock<std::mutex>& lock);
  bool refill_program(std::unique_lock<std::mutex>& lock);
  void keep_loaded(const Program& wanted, Result<Place> place);
  Result<Place> make(Driver& driver, const ShellShape& shape);
  Result<Place> make_loaded(const Program& program);
  Program* find_program(const ShellShape& shape, const InstanceSpec& instance);
  static ShellShape shape_of(const InstanceSpec& instance);
  std::optional<std::pair<Driver*, Place>> extract(const InstanceId& shell);
  void remember(Driver& driver, const ShellShape& shape, const InstanceSpec& instance);
  bool drop_surplus(std::unique_lock<std::mutex>& lock);
  bool drop_port(std::unique_lock<std::mutex>& lock);
  Place take_place(Driver& driver, const ShellShape& shape, const InstanceSpec& instance,
                   Taken& taken);
  Result<void> make_shell(Driver& driver, const ShellShape& shape, std::span<const PortKind> ports,
                          Taken& taken);
  Result<void> fill_loose(std::span<const PortKind> ports, std::vector<PortId>& spares);
  Result<void> fill_veths(std::span<const PortKind> ports, Taken& taken,
                          std::vector<PortId>& veths);
  Result<PortId> take_port(PortKind kind);
  void discard(Driver& driver, const Place& place);
  void discard(const std::vector<Program>& programs);
  bool drop_programs(std::unique_lock<std::mutex>& lock,
                     const std::function<bool(const Program&)>& which);
  bool expired(const Program& program) const;
  std::optional<SteadyTime> next_expiry() const;
  bool has_surplus_ports() const;
  size_t wanted_ports(PortKind kind) const;

  Fabric& fabric_;
  Clock& clock_;
  Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Shelf> shelves_;
  std::vector<Program> programs_;                                  // the one used last in front
  std::vector<Program> surplus_;                                   // made room for others
  std::map<std::string, std::map<std::string, uint64_t>> starts_;  // by technology and tier
  std::map<PortKind, std::vector<PortId>> ports_;
  std::map<PortKind, bool> ports_broken_;
  SteadyTime last_take_{};
  std::optional<SteadyTime> refill_began_;  // nothing: all is there
  bool ending_ = false, used_ = false, port_coming_ = false;
  unsigned busy_ = 0;  // threads that work
  std::vector<std::thread> threads_;
};

}  // namespace vireo
