// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/guest_stream_probe.h"

#include <fmt/format.h>

#include <optional>
#include <thread>

#include "bench/probe/accelerator.h"
#include "bench/probe/iperf.h"
#include "bench/probe/lab.h"
#include "bench/probe/vitals_of.h"
#include "host/child_process.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr const char* network = "10.98.0";

class GuestStreamProbe final : public Probe {
 public:
  explicit GuestStreamProbe(GuestStreamOptions options) : options_(std::move(options)) {}

  std::vector<Row> rows() const override {
    Row row;
    row.metric = "throughput";
    row.technology = options_.technology;
    row.mode = "own TCP";
    row.accelerator = accelerator_of(options_.technology);
    row.unit = "Gb/s";
    row.source = fmt::format("{}, one TCP stream, {}, {:g} s", iperf_version().value_or("iperf"),
                             stream_control, static_cast<double>(options_.duration.count()) / 1000);
    std::vector<Row> rows;
    for (const char* direction : {"tx", "rx"}) {
      row.direction = row.key = direction;
      rows.push_back(row);
    }
    return rows;
  }

  Result<void> prepare() override {
    TRY(iperf_version());
    lab_ = TRY(Lab::start({options_.program}));
    TRY(lab_->expect_possible(options_.technology));
    TRY(lab_->build_functions({"tcp-sink", "tcp-source"}));
    TRY(lab_->run(descriptor()));
    ChildCommand command;
    command.program = iperf_server()[0];
    command.arguments = iperf_server();
    command.new_session = true;
    server_ = TRY(ChildProcess::start(command));
    return wait_for_iperf(std::string(network) + ".10", 5s);
  }

  Result<Sample> measure() override {
    Sample sample;
    sample.values["rx"] =
        TRY(run_iperf(std::string(network) + ".10", Direction::rx, options_.duration));
    sample.values["tx"] = TRY(run_source());
    return sample;
  }

  void clean_up() noexcept override {
    server_.reset();
    lab_.reset();
  }

 private:
  // With room for as many packets as the device takes. The sink alone, or a source beside it.
  std::string descriptor(const std::string& source_config = "") const {
    constexpr const char* function =
        "  {0}: {{ image: vireo/tcp-{0}, technology: {1}, resources: {{ memory: 64MiB }},\n"
        "    config: {{ {2} }}, ports: [{{ link: lan, address: {3}.{4} }}] }}\n";
    std::string text = fmt::format(
        "vireo: 1\nservice: bench\nlinks:\n  lan: {{ subnet: {0}.0/24, host: {0}.1 }}\n"
        "functions:\n",
        network);
    text += fmt::format(fmt::runtime(function), "sink", options_.technology, "", network, 10);
    if (!source_config.empty())
      text += fmt::format(fmt::runtime(function), "source", options_.technology, source_config,
                          network, 11);
    return text;
  }

  // By its own count and clock, from the first byte to the last acknowledgement.
  Result<double> run_source() {
    const std::string config =
        fmt::format("server: {}.1, duration: {}ms", network, options_.duration.count());
    TRY(lab_->run(descriptor(config)));
    const Json function = TRY(lab_->get("/v1/services/bench/functions/source"));
    const auto end = std::chrono::steady_clock::now() + options_.duration + 10s;
    vnf::Vitals vitals{};
    while (vitals.counters[done] == 0) {
      if (std::chrono::steady_clock::now() > end)
        return Error{Errc::timed_out, "tcp-source does not come to its end"};
      std::this_thread::sleep_for(20ms);
      vitals = TRY(vitals_of(static_cast<int>(function["pid"].integer())));
    }
    TRY(lab_->run(descriptor()));  // takes the source away
    return static_cast<double>(vitals.counters[bytes]) * 8e-3 /
           static_cast<double>(vitals.counters[microseconds]);
  }
  enum Counter : size_t { bytes = 0, microseconds = 4, done = 5 };  // of TcpSource

  GuestStreamOptions options_;
  std::unique_ptr<Lab> lab_;
  std::optional<ChildProcess> server_;
};

}  // namespace

std::unique_ptr<Probe> make_guest_stream_probe(GuestStreamOptions options) {
  return std::make_unique<GuestStreamProbe>(std::move(options));
}

}  // namespace vireo::bench
