// SPDX-License-Identifier: Apache-2.0
// Times of the driver's calls: container-bench ROOT KEEPER ENTER COUNT [PROGRAM]. ROOT is an
// unpacked image whose PROGRAM ends on SIGTERM.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "driver/container/container_driver.h"
#include "host/files.h"

namespace vireo {
namespace {

using Steady = std::chrono::steady_clock;
using Samples = std::map<std::string, std::vector<double>>;

void add(Samples& samples, const std::string& name, Steady::duration time) {
  samples[name].push_back(std::chrono::duration<double, std::micro>(time).count());
}

SteadyTime wait_for_end(ContainerDriver& driver) {
  for (;;) {
    pollfd wanted{driver.event_fd(), POLLIN, 0};
    ::poll(&wanted, 1, 10'000);
    for (const DriverEvent& event : driver.take_events())
      if (event.kind == DriverEvent::Kind::exited) return Steady::now();
  }
}

Result<void> sample(ContainerDriver& driver, const InstanceSpec& spec, Samples& samples) {
  auto at = Steady::now();
  Shell shell = TRY(driver.prepare({"container", true}));
  add(samples, "prepare", Steady::now() - at);
  ::poll(nullptr, 0, 20);
  std::vector<Phase> phases;
  at = Steady::now();
  TRY(driver.start(shell.id, spec, {}, &phases));
  add(samples, "start", Steady::now() - at);
  for (const Phase& phase : phases) add(samples, "  " + phase.name, phase.duration);
  ::poll(nullptr, 0, 20);
  at = Steady::now();
  TRY(driver.stop(spec.id, StopKind::ask));
  add(samples, "stop -> exited", wait_for_end(driver) - at);
  at = Steady::now();
  TRY(driver.destroy(spec.id));
  add(samples, "destroy", Steady::now() - at);
  driver.settle();
  add(samples, "destroy, background done", Steady::now() - at);
  return {};
}

Result<void> run(char** arguments, uint64_t count, const std::string& program) {
  TemporaryDirectory directory = TRY(TemporaryDirectory::make("container-bench"));
  LocalNumbers ids;
  ContainerOptions options{.ids = ids};
  options.state_dir = directory.path() + "/state";
  options.runtime_dir = directory.path();
  options.log_dir = directory.path() + "/log";
  options.keeper_program = arguments[2];
  options.enter_program = arguments[3];
  options.cgroup_name = fmt::format("vireo-bench-{}", ::getpid());
  auto driver = TRY(ContainerDriver::open(options));
  InstanceSpec spec;
  spec.id = "bench";
  spec.technology = "container";
  spec.root.layers = {arguments[1]};
  spec.process.arguments = {program, "sleep"};
  Samples samples;
  for (uint64_t i = 0; i < count; ++i) TRY(sample(*driver, spec, samples));
  for (auto& [name, values] : samples) {
    std::sort(values.begin(), values.end());
    fmt::print("{:28} median {:8.1f}  min {:8.1f}  p90 {:8.1f}  max {:8.1f} us\n", name,
               values[values.size() / 2], values[0], values[values.size() * 9 / 10], values.back());
  }
  driver.reset();
  CgroupTree tree = TRY(CgroupTree::open(options.cgroup_name));
  return tree.remove();
}

}  // namespace
}  // namespace vireo

int main(int count, char** arguments) {
  if (count < 5) return 2;
  auto samples = vireo::parse_number(arguments[4]);
  if (!samples) return 2;
  auto outcome = vireo::run(arguments, *samples, count > 5 ? arguments[5] : "/probe");
  if (!outcome) fmt::print(stderr, "{}\n", outcome.error().message);
  return outcome ? 0 : 1;
}
