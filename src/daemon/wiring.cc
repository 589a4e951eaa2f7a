// SPDX-License-Identifier: Apache-2.0
#include "daemon/wiring.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "api/api.h"
#include "api/routes.h"
#include "api/server.h"
#include "base/log.h"
#include "daemon/health_probe.h"
#include "daemon/open_fabric.h"
#include "daemon/store_catalog.h"
#include "daemon/store_numbers.h"
#include "driver/absent.h"
#include "driver/container/container_driver.h"
#include "driver/vmm/vmm_driver.h"
#include "host/files.h"
#include "host/namespace.h"
#include "host/profile.h"
#include "keeper/keeper_client.h"
#include "store/sqlite/sqlite_store.h"

namespace vireo {

// In the order of making; unmade from the last to the first.
struct Daemon::State {
  DaemonOptions options;
  Fd lock;
  SystemClock clock;
  Loop* loop = nullptr;
  std::unique_ptr<KeeperClient> keeper;
  Fd fabric_namespace, ends_namespace;  // another keeper gets them when this one dies
  std::unique_ptr<Store> store;
  std::unique_ptr<StoreNumbers> ids;
  std::unique_ptr<ImageStore> images;
  std::vector<std::unique_ptr<Driver>> drivers;
  std::unique_ptr<Fabric> fabric;
  std::unique_ptr<StoreCatalog> catalog;
  std::unique_ptr<HealthProbe> probe;
  std::unique_ptr<Control> control;
  std::unique_ptr<Api> api;
  std::unique_ptr<Server> server;

  std::vector<Driver*> driver_list() const {
    std::vector<Driver*> list;
    for (const auto& driver : drivers) list.push_back(driver.get());
    return list;
  }
};

namespace {

constexpr const char* fabric_entry = "fabric-namespaces";  // in the keeper

Result<Fd> lock_directory(const std::string& directory) {
  TRY(make_directories(directory, 0700));
  Fd lock = TRY(open_path(directory + "/lock", O_RDWR | O_CREAT, 0600));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{Errc::conflict, fmt::format("another daemon uses {}; stop it, or name another "
                                             "directory with --state-dir",
                                             directory)};
  return lock;
}

void raise_open_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) spdlog::warn("cannot raise the open files limit");
  spdlog::info("open files limit={}", limit.rlim_max);
}

// The fabric's two namespaces live as long as the keeper, so that links and ports outlive us.
Result<void> take_namespaces(Daemon::State& state) {
  auto held = state.keeper->take(fabric_entry);
  if (held && held->size() == 2) {
    state.fabric_namespace = std::move((*held)[0]);
    state.ends_namespace = std::move((*held)[1]);
    return {};
  }
  state.fabric_namespace = TRY(new_network_namespace());
  state.ends_namespace = TRY(new_network_namespace());
  return state.keeper->hold(fabric_entry, "",
                            {state.fabric_namespace.get(), state.ends_namespace.get()});
}

Result<void> connect_keeper(Daemon::State& state) {
  state.keeper = TRY(KeeperClient::connect(state.options.runtime_directory,
                                           state.options.program_directory + "/vireo-keeper"));
  return {};
}

void watch_keeper(Daemon::State& state);

// What the daemon after us will look for; the keeper that has it may be another than the one that
// ended.
Result<void> hold_namespaces(Daemon::State& state) {
  if (state.keeper->take(fabric_entry)) return {};
  return state.keeper->hold(fabric_entry, "",
                            {state.fabric_namespace.get(), state.ends_namespace.get()});
}

void replace_keeper(Daemon::State& state) {
  auto held = connect_keeper(state);
  if (held) held = hold_namespaces(state);
  if (held) return watch_keeper(state);
  spdlog::error("no keeper holds the fabric reason=\"{}\"", held.error().message);
}

// Ends of instances are for the drivers; the end of the keeper is for us too.
void watch_keeper(Daemon::State& state) {
  state.loop->on_readable(state.keeper->event_fd(), [&state] {
    for (const KeeperClient::Event& event : state.keeper->take_events()) {
      if (!event.name.empty()) continue;
      state.loop->post([&state] { replace_keeper(state); });
      return false;
    }
    return true;
  });
}

// One line for each driver that this build has.
Result<std::vector<std::unique_ptr<Driver>>> make_drivers(const DaemonOptions& options,
                                                          NumberSource& ids) {
  std::vector<std::unique_ptr<Driver>> drivers;
  ContainerOptions container{.ids = ids};
  container.state_dir = options.state_directory + "/containers";
  container.runtime_dir = options.runtime_directory;
  container.log_dir = options.state_directory + "/logs";
  container.keeper_program = options.program_directory + "/vireo-keeper";
  container.enter_program = options.program_directory + "/vireo-enter";
  container.cgroup_root = options.cgroup_root;
  TRY(make_directories(container.state_dir, 0700));
  TRY(make_directories(container.log_dir, 0700));
  drivers.push_back(TRY(ContainerDriver::open(container)));
  VmmOptions vmm{.ids = ids};
  vmm.state_dir = options.state_directory + "/machines";
  vmm.runtime_dir = options.runtime_directory;
  vmm.log_dir = options.state_directory + "/logs";
  vmm.keeper_program = container.keeper_program;
  vmm.vmm_program = options.program_directory + "/vireo-vmm";
  vmm.cgroup_root = options.cgroup_root;
  const auto quickest = start_tier_from(options.start_tier);
  if (!quickest) return Error{Errc::invalid, "--start-tier takes rehearsed, parked, fork or cold"};
  vmm.quickest = *quickest;
  drivers.push_back(TRY(VmmDriver::open(vmm)));
  return drivers;
}

Result<std::unique_ptr<Control>> make_control(Daemon::State& state, Loop& loop) {
  HostProfile host = read_host_profile();
  ControlOptions options;
  options.pool_size = state.options.pool_size;
  options.keep_loaded = std::chrono::seconds(state.options.keep_loaded);
  options.host_memory = host.memory;
  options.host_cpus = host.cpus;
  for (const Technology& technology : technologies)
    options.absent.emplace(technology.name, absent_support(technology, host));
  for (const auto& driver : state.drivers)
    for (const std::string& name : driver->info().technologies) options.absent.erase(name);
  auto wake = [&loop] { loop.post([&loop] { loop.drive(); }); };
  return Control::open({*state.store, *state.fabric, state.driver_list(), *state.catalog,
                        state.clock, *state.probe, wake},
                       options);
}

Result<std::unique_ptr<Server>> make_server(const DaemonOptions& options, Loop& loop, Api& api) {
  ServerOptions server;
  server.socket = options.socket;
  server.group = options.group;
  server.spool_directory = options.state_directory + "/spool";
  TRY(make_directories(server.spool_directory, 0700));
  return Server::listen(
      loop.context(), server, [&api](const ExchangePtr& exchange) { api.handle(exchange); },
      [](std::string_view method, std::string_view path) {
        const ApiRoute* route = find_route(method, path).route;
        return route != nullptr && route->body == BodyKind::archive;
      });
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::start(const DaemonOptions& options, Loop& loop) {
  auto state = std::make_unique<State>();
  state->options = options;
  state->lock = TRY(lock_directory(options.state_directory));
  raise_open_files();
  TRY(make_directories(options.runtime_directory, 0755));
  state->loop = &loop;
  TRY(connect_keeper(*state));
  TRY(take_namespaces(*state));
  state->store = TRY(SqliteStore::open(options.state_directory + "/vireo.db"));
  state->ids = std::make_unique<StoreNumbers>(*state->store);
  state->images = TRY(ImageStore::open(options.state_directory + "/images",
                                       options.program_directory + "/vireo-unpack"));
  state->drivers = TRY(make_drivers(options, *state->ids));
  state->fabric = TRY(open_fabric(options, state->fabric_namespace, state->ends_namespace));
  state->catalog = std::make_unique<StoreCatalog>(*state->images);
  state->probe = std::make_unique<HealthProbe>(loop, state->driver_list());
  state->control = TRY(make_control(*state, loop));
  state->api =
      std::make_unique<Api>(Api::Parts{*state->control, *state->images, loop, state->driver_list(),
                                       *state->fabric, options.function_directory});
  state->server = TRY(make_server(options, loop, *state->api));
  loop.attach(*state->control);
  watch_keeper(*state);
  return std::unique_ptr<Daemon>(new Daemon(std::move(state)));
}

Daemon::Daemon(std::unique_ptr<State> state) : state_(std::move(state)) {}

// Runs control by hand: the loop has ended.
static void remove_services(Control& control) {
  for (const ServiceStatus& service : control.services())
    if (auto removal = control.remove(service.name); !removal)
      spdlog::warn("cannot remove {} reason=\"{}\"", service.name, removal.error().message);
  std::vector<pollfd> events;
  for (int fd : control.event_fds()) events.push_back({fd, POLLIN, 0});
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!control.services().empty() && std::chrono::steady_clock::now() < deadline) {
    while (control.work()) continue;
    ::poll(events.data(), events.size(), 10);
    control.handle_events();
    control.tick();
  }
}

// What the pools made ahead, and links that nothing uses.
static void remove_spares(Daemon::State& state) {
  for (const auto& driver : state.drivers)
    for (const InstanceStatus& instance : driver->list().value_or({}))
      if (auto removed = driver->destroy(instance.id); !removed)
        spdlog::warn("cannot remove {} reason=\"{}\"", instance.id, removed.error().message);
  FabricState fabric = state.fabric->list().value_or({});
  for (const PortRecord& port : fabric.ports)
    if (auto removed = state.fabric->unplug(port.id); !removed)
      spdlog::warn("cannot remove {} reason=\"{}\"", port.id, removed.error().message);
}

Daemon::~Daemon() {
  state_->loop->stop_watching(state_->keeper->event_fd());
  state_->server.reset();
  if (state_->options.ephemeral) remove_services(*state_->control);
  state_->api.reset();  // it listens to control
  state_->control.reset();
  if (!state_->options.ephemeral) return;
  remove_spares(*state_);
  state_->drivers.clear();
  state_->fabric.reset();
  if (auto dropped = state_->keeper->drop(fabric_entry); !dropped)
    spdlog::warn("cannot drop the fabric reason=\"{}\"", dropped.error().message);
  (void)state_->keeper->retire();
}

}  // namespace vireo
