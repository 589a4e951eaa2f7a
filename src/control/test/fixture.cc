// SPDX-License-Identifier: Apache-2.0
#include "control/test/fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "control/reconcile/rows.h"

namespace vireo {

const char* const branch_office = R"(vireo: 1
service: office
functions:
  fw: { image: vnf/fw }
  nat: { image: vnf/nat, resources: { memory: 16MiB } }
  web: { image: web, ports: [wan] }
links:
  wan: { subnet: 10.10.0.0/24 }
  lan: { subnet: 10.20.0.0/24, host: 10.20.0.100 }
chain: [wan, fw, nat, lan]
)";
const char* const edited_office = R"(vireo: 1
service: office
functions:
  fw: { image: vnf/fw, environment: { EDITED: "yes" } }
  nat: { image: vnf/nat, resources: { memory: 32MiB } }
  web: { image: web, command: [/bin/other], ports: [wan] }
  dns: { image: web, ports: [lan] }
links:
  wan: { subnet: 10.10.0.0/24 }
  lan: { subnet: 10.20.0.0/24, host: 10.20.0.100 }
chain: [wan, fw, nat, lan]
)";
const char* const small_office = R"(vireo: 1
service: office
functions:
  web: { image: web, ports: [wan] }
links:
  wan: { subnet: 10.10.0.0/24 }
)";

Image function_image(const std::string& name, FunctionRole role, unsigned ports) {
  Image image = foreign_image(name);
  FunctionType type;
  type.name = name;
  type.role = role;
  type.fewest_ports = type.most_ports = ports;
  type.state_version = 1;
  type.counters = {"passed", "rules[]"};
  image.function = type;
  return image;
}

Image foreign_image(const std::string& name) {
  Image image;
  image.reference = name;
  image.digest = "sha256:of-" + name;
  image.layers = {"/layers/" + name};
  image.entry_point = {"/bin/" + name};
  return image;
}

FakeImages::FakeImages() {
  add(function_image("vnf/fw", FunctionRole::transparent, 2));
  add(function_image("vnf/nat", FunctionRole::routed, 2));
  add(function_image("vnf/probe", FunctionRole::endpoint, 1));
  add(foreign_image("web"));
}

void FakeImages::add(const Image& image) { images_[image.reference] = image; }

Result<Image> FakeImages::get(const std::string& reference) {
  for (const auto& [name, image] : images_)
    if (name == reference || image.digest == reference) return image;
  return Error{Errc::not_found, "there is no image " + reference};
}

std::vector<std::string> FakeImages::names() {
  std::vector<std::string> names;
  for (const auto& [name, image] : images_) names.push_back(name);
  return names;
}

Result<vnf::Vitals> FakeProbe::read_vitals(const Fd&) {
  vnf::Vitals vitals{};
  vitals.magic = vnf::vitals_magic;
  vitals.state = static_cast<uint32_t>(vnf::FunctionState::ready);
  vitals.heartbeat = beating ? ++heartbeat : heartbeat;
  vitals.counter_count = 1'000'000;  // a lie that must be bounded
  vitals.flows = 7;
  vitals.quiet_until_ns = quiet_until_ns;
  vitals.ports[0].rx_packets = read;
  if (failure.empty()) return vitals;
  vitals.state = static_cast<uint32_t>(vnf::FunctionState::failed);
  failure.copy(vitals.reason, sizeof vitals.reason);
  return vitals;
}

void FakeProbe::check(const InstanceId&, const HealthCheck&,
                      std::function<void(Result<void>)> done) {
  checks++;
  done(healthy ? Result<void>() : Error{Errc::timed_out, "no answer"});
}

void HeldStore::hold() {
  std::lock_guard lock(mutex_);
  mode_ = Mode::held;
}

void HeldStore::let_through() {
  std::lock_guard lock(mutex_);
  mode_ = Mode::through;
  changed_.notify_all();
}

void HeldStore::lose() {
  std::lock_guard lock(mutex_);
  mode_ = Mode::lost;
  changed_.notify_all();
}

Result<Revision> HeldStore::commit(std::span<const Write> writes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return mode_ != Mode::held; });
  if (mode_ == Mode::lost) return Error{Errc::unavailable, "the daemon is gone"};
  return store_.commit(writes);
}

World::World() = default;

void World::start_daemon(unsigned pool_size) {
  store.let_through();
  driver_ = *FakeDriver::open(host);
  machine_driver_ = *FakeDriver::open(machines, "unikernel.vireo.kvm");
  fabric_ = std::make_unique<MemoryFabric>(network);
  ControlOptions options;
  options.pool_size = pool_size;
  options.host_memory = uint64_t{1} << 32;
  options.after_step = [this](const std::string& id) { steps.push_back(id); };
  control_ = *Control::open(
      {store, *fabric_, {driver_.get(), machine_driver_.get()}, images, clock, probe, {}}, options);
  if (hold_commits) store.hold();
}

void World::stop_daemon() {
  store.let_through();
  control_.reset();
  fabric_.reset();
  driver_.reset();
  machine_driver_.reset();
}

void World::crash_daemon() {
  store.lose();
  control_.reset();
  fabric_.reset();
  driver_.reset();
  machine_driver_.reset();
}

bool World::settle() { return !run_until("nothing has this id") && !control_->work(); }

bool World::run_until(const std::string& id) {
  constexpr int most_rounds = 100'000;
  for (int round = 0; round < most_rounds; round++) {
    control_->handle_events();
    if (control_->work()) {
      if (steps.back() == id) return true;
      continue;
    }
    store.let_through();
    control_->wait_for_commits();
    control_->wait_for_moves();
    bool moved = control_->work();
    if (hold_commits) store.hold();
    if (moved && steps.back() == id) return true;
    control_->handle_events();
    if (!moved && !control_->work() && !let_breathe()) return false;
    if (steps.back() == id) return true;
  }
  return false;
}

// What waits for a start to have had its moment goes on. True: something did.
bool World::let_breathe() {
  const auto next = control_->next_deadline();
  if (!next || *next <= clock.now() || *next > clock.now() + std::chrono::milliseconds(1))
    return false;
  clock.advance(*next - clock.now());
  control_->tick();
  return true;
}

Result<Control::Accepted> World::run(const std::string& descriptor) {
  return control_->run({descriptor, "test.yaml", {}});
}

Operation World::run_settled(const std::string& descriptor) {
  Result<Control::Accepted> accepted = run(descriptor);
  if (!accepted || accepted->operation.empty()) return {};
  settle();
  return *control_->operation(accepted->operation);
}

FunctionStatus World::function(const std::string& service, const std::string& name) {
  Result<ServiceStatus> status = control_->service(service);
  if (!status) return {};
  for (FunctionStatus& function : status->functions)
    if (function.function == name) return function;
  return {};
}

// "...@12:port0" -> "...@N:port0"
static std::string without_generation(std::string id) {
  size_t at = id.find('@');
  if (at == std::string::npos) return id;
  size_t end = std::min(id.find_first_not_of("0123456789", at + 1), id.size());
  return id.replace(at, end - at, "@N");
}

static std::string without_operation(std::string row) {
  size_t at = row.find(R"("operation":")");
  if (at == std::string::npos) return row;
  return row.erase(at, row.find('"', at + 13) + 1 - at);
}

std::string World::picture(bool hosts) {
  std::vector<std::string> lines;
  std::vector<InstanceStatus> instances = *driver_->list();
  std::ranges::move(*machine_driver_->list(), std::back_inserter(instances));
  for (const InstanceStatus& status : instances)
    if (!status.id.starts_with("~"))
      lines.push_back(without_generation(status.id) + (status.exit ? " ended" : " runs") +
                      (hosts ? " and knows " + host->file(status.id, "/etc/hosts") : ""));
  FabricState state = *fabric_->list();
  for (const LinkRequest& link : state.links) lines.push_back("link " + link.id);
  for (const PortRecord& port : state.ports)
    if (!port.id.starts_with("~"))
      lines.push_back(fmt::format("port {} on {} {}", without_generation(port.id), port.link,
                                  port.gate == GateState::open ? "open" : "blocked"));
  for (const char* kind : {"service/", "instance/", "link/", "allocation/"})
    for (const Record& record : memory.list(kind).value_or({})) {
      std::string value = record.value;
      if (std::string(kind) == "instance/") {
        Result<InstanceRow> row = instance_row_from_json(value);
        value = row ? to_json(row->facets) : "unreadable";
      } else {
        value = without_operation(value);
      }
      lines.push_back("row " + record.key + " " + value);
    }
  std::ranges::sort(lines);
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

size_t World::spares() {
  FabricState state = *fabric_->list();
  size_t ports = static_cast<size_t>(std::ranges::count_if(
      state.ports, [](const PortRecord& port) { return port.id.starts_with("~"); }));
  return host->shells() + machines->shells() + ports;
}

}  // namespace vireo
