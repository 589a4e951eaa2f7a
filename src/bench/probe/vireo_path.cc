// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <optional>

#include "bench/probe/iperf.h"
#include "bench/probe/lab.h"
#include "bench/probe/path.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;

// One service with both far ends.
class TrafficLab {
 public:
  explicit TrafficLab(PathOptions options) : options_(std::move(options)) {}

  const PathOptions& options() const { return options_; }
  std::string address(int host) const { return fmt::format("{}.{}", network(), host); }

  Result<void> open() {
    if (!outcome_) outcome_ = make();
    return *outcome_;
  }

 private:
  // Each lab has a subnet of its own: both have an address in the bench's namespace.
  std::string network() const {
    if (!options_.fabric.empty()) return "10.96.0";
    return options_.packet_ports == "tap" ? "10.94.0" : "10.95.0";
  }

  Result<void> make() {
    TRY(iperf_version());
    lab_ = TRY(Lab::start({options_.program, 0, options_.packet_ports, options_.fabric}));
    Json entry = Json().set("Entrypoint", json_of(iperf_server()));
    TRY(lab_->import_image(options_.iperf_archive, "bench/iperf", entry));
    TRY(lab_->build_functions({"forwarder"}));
    TRY(lab_->run(fmt::format(
        "vireo: 1\nservice: bench\n"
        "links:\n  lan: {{ subnet: {0}.0/24, host: {0}.1 }}\n  far: {{}}\n"
        "functions:\n"
        "  direct: {{ image: bench/iperf, ports: [{{ link: lan, address: {0}.10 }}] }}\n"
        "  middle: {{ image: vireo/forwarder }}\n"
        "  behind: {{ image: bench/iperf, ports: [{{ link: far, address: {0}.20 }}] }}\n"
        "chain: [ lan, middle, far ]\n",
        network())));
    TRY_IN("direct", wait_for_iperf(address(10), 5s));
    TRY_IN("through the forwarder", wait_for_iperf(address(20), 5s));
    return {};
  }

  PathOptions options_;
  std::unique_ptr<Lab> lab_;
  std::optional<Result<void>> outcome_;
};

class VireoPath final : public Path {
 public:
  VireoPath(std::shared_ptr<TrafficLab> lab, std::string mode, int host)
      : lab_(std::move(lab)), mode_(std::move(mode)), host_(host) {}

  Row row() const override {
    Row row;
    row.technology = "container";
    row.mode = mode_;
    row.accelerator = "none";
    return row;
  }

 private:
  Result<std::string> make() override {
    TRY(lab_->open());
    return lab_->address(host_);
  }

  std::shared_ptr<TrafficLab> lab_;
  std::string mode_;
  int host_;
};

}  // namespace

VireoPaths make_vireo_paths(const PathOptions& options) {
  auto lab = std::make_shared<TrafficLab>(options);
  const std::string fabric = options.fabric.empty() ? "" : ", " + options.fabric;
  std::string forwarder = fmt::format("forwarder, {} ports{}", options.packet_ports, fabric);
  return {std::make_shared<VireoPath>(lab, "container" + fabric, 10),
          std::make_shared<VireoPath>(lab, forwarder, 20)};
}

}  // namespace vireo::bench
