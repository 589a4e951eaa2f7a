// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/start_probe.h"

#include <fmt/format.h>

#include <chrono>

#include "base/rollback.h"
#include "base/text.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr auto longest_start = 5s;
constexpr const char* function_mac = "02:99:00:00:00:10";

double milliseconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

// It writes nothing: the root is read-only, as the peers' is.
Json listener_settings() {
  return Json()
      .set("Entrypoint", json_of({"/listener"}))
      .set("Labels", Json().set("org.vireo.root", "read-only"));
}

class StartProbe final : public Probe {
 public:
  explicit StartProbe(StartOptions options) : options_(std::move(options)) {}

  std::vector<Row> rows() const override {
    std::vector<Row> rows;
    for (const char* metric : {"instantiation", "function_ready", "ready", "stop"}) {
      Row row;
      row.metric = metric;
      row.technology = "container";
      row.mode = options_.pooled ? "pooled" : "cold";
      row.accelerator = "none";
      row.unit = "ms";
      rows.push_back(row);
    }
    return rows;
  }

  Result<void> prepare() override {
    lab_ = TRY(Lab::start({options_.program, options_.pooled ? 4u : 0u}));
    if (options_.archive.empty())
      TRY(lab_->build_functions({"all"}));
    else
      TRY(lab_->import_image(options_.archive, options_.image, listener_settings()));
    TRY(lab_->import_image(options_.neighbour_archive, "bench/neighbour", listener_settings()));
    TRY(lab_->run(descriptor(false)));
    ProbeTarget target;
    target.source = *parse_ip(network() + ".1");
    target.target = *parse_ip(network() + ".10");
    target.target_mac = *parse_mac(function_mac);
    target.port = options_.port;
    target.interface = TRY(interface_with(target.source));
    prober_ = TRY(SynProber::open(target));
    return start_once();
  }

  Result<Sample> measure() override {
    TRY(lab_->wait_for_pool(5s));
    Sample sample;
    prober_->reset();
    Rollback quiet([this] { prober_->pause(); });
    auto started = std::chrono::steady_clock::now();
    auto operation = lab_->run(descriptor(true));
    auto completed = std::chrono::steady_clock::now();
    if (operation) {
      auto answers = prober_->wait_for_syn_ack(started + longest_start);
      if (answers.rst) sample.values["instantiation"] = milliseconds(*answers.rst - started);
      if (answers.syn_ack) {
        double ready = milliseconds(*answers.syn_ack - started);
        sample.values["function_ready"] = ready;
        // A function that answers every SYN from its first packet on sends no RST: its own answer
        // is then the first sign of life that the draft's sender sees.
        sample.values.emplace("instantiation", ready);
      }
      sample.values["ready"] = milliseconds(completed - started);
      sample.phases = phases_of(*operation);
    }
    auto stopped = take_down(sample);
    if (!operation) return operation.error();
    if (!stopped) return stopped.error();
    return sample;
  }

  void clean_up() noexcept override {
    prober_.reset();
    lab_.reset();
  }

 private:
  // The pool loads ahead what has been started before: no sample is the first. One that cannot be
  // started is for the samples to tell.
  Result<void> start_once() {
    (void)lab_->run(descriptor(true)).has_value();
    TRY(lab_->run(descriptor(false)));
    return {};
  }

  // Each lab has a subnet of its own: both have an address in the bench's namespace.
  std::string network() const { return options_.pooled ? "10.99.0" : "10.99.1"; }

  std::string descriptor(bool with_function) const {
    std::string text = fmt::format(
        "vireo: 1\nservice: bench\nlinks:\n  lan: {{ subnet: {0}.0/24, host: {0}.1 }}\n"
        "functions:\n"
        "  idle: {{ image: bench/neighbour, ports: [{{ link: lan, address: {0}.200 }}] }}\n",
        network());
    if (with_function)
      text += fmt::format(
          "  f: {{ image: {}, ports: [{{ link: lan, address: {}.10, mac: \"{}\" }}] }}\n",
          options_.image, network(), function_mac);
    return text;
  }

  std::vector<PhaseTime> phases_of(const Json& operation) const {
    std::vector<PhaseTime> phases;
    for (const Json& step : operation["steps"].items())
      for (const Json& phase : step["phases"].items())
        phases.push_back({phase["name"].text(), phase["ms"].number()});
    return phases;
  }

  Result<void> take_down(Sample& sample) {
    auto started = std::chrono::steady_clock::now();
    TRY(lab_->post("/v1/services/bench/functions/f/stop?wait=30"));
    auto reaped = std::chrono::steady_clock::now();
    auto last = prober_->last_syn_ack(5ms, started + longest_start);
    auto end = last ? std::max(*last, reaped) : reaped;
    sample.values["stop"] = milliseconds(end - started);
    TRY(lab_->run(descriptor(false)));
    return {};
  }

  StartOptions options_;
  std::unique_ptr<Lab> lab_;
  std::unique_ptr<SynProber> prober_;
};

}  // namespace

std::unique_ptr<Probe> make_start_probe(StartOptions options) {
  return std::make_unique<StartProbe>(std::move(options));
}

}  // namespace vireo::bench
