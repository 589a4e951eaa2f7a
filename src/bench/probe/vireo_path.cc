// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <optional>

#include "base/rollback.h"
#include "bench/probe/accelerator.h"
#include "bench/probe/lab.h"
#include "bench/probe/path.h"
#include "bench/probe/stream_receiver.h"
#include "model/technology.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr int direct = 10, responder = 11, source = 12, polling = 13,
              behind = 20;              // hosts of the lab's network
constexpr uint16_t stream_port = 5001;  // iperf's

// One service with all far ends.
class TrafficLab {
 public:
  explicit TrafficLab(PathOptions options) : options_(std::move(options)) {}

  const PathOptions& options() const { return options_; }
  bool machine() const { return is_machine(options_.technology); }
  std::string address(int host) const { return fmt::format("{}.{}", options_.network, host); }

  Result<void> open() {
    if (!outcome_) outcome_ = make();
    return *outcome_;
  }

  // A unikernel calls this host, and is gone afterwards.
  Result<double> stream_of_source(std::chrono::milliseconds duration) {
    const IpAddress host = TRY(parse_ip(address(1)));
    StreamReceiver receiver = TRY(StreamReceiver::open(host, stream_port));
    TRY(lab_->run(descriptor(fmt::format(
        "  source: {{ image: vireo/tcp-source, technology: {}, ports: [{{ link: lan, address: {} "
        "}}], config: {{ server: {}, duration: {}ms }} }}\n",
        options_.technology, address(source), address(1), duration.count()))));
    Rollback gone([this] { (void)lab_->run(descriptor()).has_value(); });
    const double rate = TRY(receiver.take(5s));
    gone.dismiss();
    TRY(lab_->run(descriptor()));
    return rate;
  }

 private:
  std::string ends() const {
    if (!machine())
      return fmt::format(
          "  direct: {{ image: bench/iperf, ports: [{{ link: lan, address: {} }}] }}\n",
          address(direct));
    std::string text;
    for (const auto& [name, function, host, more] :
         {std::tuple("direct", "tcp-sink", direct, ""),
          std::tuple("responder", "responder", responder, ""),
          std::tuple("polling", "responder", polling, ", resources: { cpus: 2, poll: 20ms }")})
      text += fmt::format(
          "  {}: {{ image: vireo/{}, technology: {}, ports: [{{ link: lan, address: {} }}]{} }}\n",
          name, function, options_.technology, address(host), more);
    return text;
  }

  std::string descriptor(const std::string& more = "") const {
    return fmt::format(
        "vireo: 1\nservice: bench\n"
        "links:\n  lan: {{ subnet: {0}.0/24, host: {0}.1 }}\n  far: {{}}\n"
        "functions:\n{1}"
        "  middle: {{ image: vireo/{5}, technology: {2}{6} }}\n"
        "  behind: {{ image: bench/iperf, ports: [{{ link: far, address: {3} }}] }}\n{4}"
        "chain: [ lan, middle, far ]\n",
        options_.network, ends(), options_.technology, address(behind), more, options_.middle,
        config_of_middle());
  }

  // What the far end sends passes as an answer alone.
  const char* config_of_middle() const {
    if (options_.middle != "firewall") return "";
    return ", config: { default: drop, stateful: true, "
           "rules: [{ name: iperf, action: accept, from: first, protocol: tcp, port: 5001 }] }";
  }

  Result<void> make() {
    TRY(iperf_version());
    LabOptions lab;
    lab.program = options_.program;
    lab.pool = 0;
    lab.packet_ports = options_.packet_ports;
    lab.fabric = options_.fabric;
    lab_ = TRY(Lab::start(lab));
    TRY(lab_->expect_possible(options_.technology));
    Json entry = Json().set("Entrypoint", json_of(iperf_server()));
    TRY(lab_->import_image(options_.iperf_archive, "bench/iperf", entry));
    TRY(lab_->build_functions({options_.middle}));
    if (machine()) TRY(lab_->build_functions({"responder", "tcp-sink", "tcp-source"}));
    TRY(lab_->run(descriptor()));
    TRY_IN("direct", wait_for_iperf(address(direct), 5s));
    TRY_IN("through the " + options_.middle, wait_for_iperf(address(behind), 5s));
    return {};
  }

  PathOptions options_;
  std::unique_ptr<Lab> lab_;
  std::optional<Result<void>> outcome_;
};

class VireoPath : public Path {
 public:
  VireoPath(std::shared_ptr<TrafficLab> lab, std::string mode, int host)
      : lab_(std::move(lab)), mode_(std::move(mode)), host_(host) {}

  Row row() const override {
    Row row;
    row.technology = lab_->options().technology;
    row.mode = mode_;
    row.accelerator = accelerator_of(row.technology);
    return row;
  }

 protected:
  Result<std::string> make() override {
    TRY(lab_->open());
    return lab_->address(host_);
  }

  std::shared_ptr<TrafficLab> lab_;
  std::string mode_;
  int host_;
};

// The guest's own TCP at the far end: iperf sends to its sink, its source to a socket of ours.
class GuestPath final : public VireoPath {
 public:
  using VireoPath::VireoPath;

  Row row() const override {
    Row row = VireoPath::row();
    row.source = "rx: iperf to tcp-sink, which copies every byte; tx: tcp-source to a socket here";
    return row;
  }

  Result<double> stream(Direction direction, std::chrono::milliseconds duration) override {
    if (direction == Direction::rx) return Path::stream(direction, duration);
    TRY(open());
    return lab_->stream_of_source(duration);
  }
};

}  // namespace

VireoPaths make_vireo_paths(const PathOptions& options) {
  auto lab = std::make_shared<TrafficLab>(options);
  const std::string fabric = options.fabric.empty() ? "" : ", " + options.fabric;
  const char* ports = lab->machine() ? "tap" : options.packet_ports.c_str();
  const std::string own = options.technology + fabric;
  VireoPaths paths;
  if (lab->machine()) {
    paths.direct = std::make_shared<GuestPath>(lab, own, direct);
    paths.responder = std::make_shared<VireoPath>(lab, own, responder);
    paths.polling = std::make_shared<VireoPath>(lab, own + ", polling", polling);
  } else {
    paths.direct = std::make_shared<VireoPath>(lab, own, direct);
  }
  const char* middle = options.middle == "firewall" ? "tracking firewall" : "forwarder";
  paths.through = std::make_shared<VireoPath>(
      lab, fmt::format("{}, {} ports{}", middle, ports, fabric), behind);
  return paths;
}

}  // namespace vireo::bench
