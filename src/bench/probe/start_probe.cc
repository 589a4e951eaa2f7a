// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/start_probe.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "base/rollback.h"
#include "base/text.h"
#include "bench/probe/accelerator.h"
#include "bench/probe/start_counter.h"
#include "bench/probe/start_record.h"
#include "model/technology.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr auto longest_start = 5s;
constexpr const char* function_mac = "02:99:00:00:00:10";
constexpr uint16_t listening = 8080;
constexpr std::array timed{"instantiation", "function_ready", "ready", "stop", "driver"};
constexpr const char *counted_calls = "system calls", *counted_faults = "page faults",
                     *counted_exits = "VMM exits";

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
    for (const char* metric : timed) {
      Row row;
      row.metric = metric;
      row.technology = options_.technology;
      row.mode = options_.mode;
      row.accelerator = accelerator_of(row.technology);
      row.unit = "ms";
      rows.push_back(row);
    }
    if (!machine()) rows.pop_back();
    const Result<void> countable = StartCounter::possible();
    for (const char* what : {counted_calls, counted_faults, counted_exits}) {
      if (what == counted_exits && !machine()) continue;
      Row row = rows.front();
      row.metric = "start_counts";
      row.direction = row.key = what;
      row.unit = "a start";
      if (!countable) {
        row.status = RowStatus::not_run;
        row.reason = "not counted: " + countable.error().message;
      }
      rows.push_back(row);
    }
    return rows;
  }

  Result<void> prepare() override {
    LabOptions lab;
    lab.program = options_.program;
    if (options_.mode == "cold") lab.pool = 0;
    if (machine()) lab.start_tier = options_.mode;
    lab_ = TRY(Lab::start(lab));
    TRY(lab_->expect_possible(options_.technology));
    if (machine())
      TRY(lab_->build_functions({"responder"}));
    else
      TRY(lab_->import_image(options_.archive, "bench/listener", listener_settings()));
    TRY(lab_->import_image(options_.neighbour_archive, "bench/neighbour", listener_settings()));
    TRY(lab_->run(descriptor(false)));
    ProbeTarget target;
    target.source = *parse_ip(options_.network + ".1");
    target.target = *parse_ip(options_.network + ".10");
    target.target_mac = *parse_mac(function_mac);
    target.port = listening;
    target.resets = machine();
    target.interface = TRY(interface_with(target.source));
    prober_ = TRY(SynProber::open(target));
    return start_once();
  }

  Result<Sample> measure() override {
    TRY(lab_->wait_for_pool(5s, options_.technology));
    Sample sample = TRY(time_start());
    if (auto counted = count_start(sample); !counted) sample.reason = counted.error().message;
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

  bool machine() const { return is_machine(options_.technology); }

  std::string descriptor(bool with_function) const {
    std::string text = fmt::format(
        "vireo: 1\nservice: bench\nlinks:\n  lan: {{ subnet: {0}.0/24, host: {0}.1 }}\n"
        "functions:\n"
        "  idle: {{ image: bench/neighbour, ports: [{{ link: lan, address: {0}.200 }}] }}\n",
        options_.network);
    if (with_function)
      text += fmt::format(
          "  f: {{ image: {}, technology: {}, "
          "ports: [{{ link: lan, address: {}.10, mac: \"{}\" }}] }}\n",
          machine() ? "vireo/responder" : "bench/listener", options_.technology, options_.network,
          function_mac);
    return text;
  }

  // While it is asked without a break whether it answers.
  Result<Sample> time_start() {
    Sample sample;
    prober_->reset();
    Rollback quiet([this] { prober_->pause(); });
    auto started = std::chrono::steady_clock::now();
    auto operation = lab_->run(descriptor(true));
    sample.values["ready"] = milliseconds(std::chrono::steady_clock::now() - started);
    if (operation) take_start(*operation, started, sample);
    auto stopped = take_down(sample);
    if (!operation) return operation.error();
    if (!stopped) return stopped.error();
    if (machine()) disown_other_tier(*operation, sample);
    return sample;
  }

  void take_start(const Json& operation, SteadyTime started, Sample& sample) {
    auto answers = prober_->wait_for_answer(started + longest_start);
    if (answers.rst) sample.values["instantiation"] = milliseconds(*answers.rst - started);
    if (answers.own) {
      double ready = milliseconds(*answers.own - started);
      sample.values["function_ready"] = ready;
      // A function that answers every SYN from its first packet on sends no RST: its own answer
      // is then the first sign of life that the draft's sender sees.
      sample.values.emplace("instantiation", ready);
    }
    sample.phases = phases_of(operation);
    sample.values["driver"] = driver_part(sample.phases);
  }

  // While nobody asks: what an answer takes is not in it.
  Result<void> count_start(Sample& sample) {
    TRY(lab_->wait_for_pool(5s, options_.technology));
    StartCounter counter = TRY(StartCounter::begin(lab_->keepers()));
    auto operation = lab_->run(descriptor(true));
    counter.stop();
    auto pid = operation ? started_process() : Result<int>(operation.error());
    TRY(lab_->run(descriptor(false)));
    const StartCounts counts = counter.of(TRY(std::move(pid)));
    const std::string why = machine() ? why_not_of_tier(*operation, options_.mode) : std::string();
    for (const auto& [what, count] : {std::pair(counted_calls, counts.system_calls),
                                      std::pair(counted_faults, counts.page_faults),
                                      std::pair(counted_exits, counts.vmm_exits)}) {
      if (why.empty())
        sample.values[what] = static_cast<double>(count);
      else
        sample.disturbed[what] = why;
    }
    return {};
  }

  Result<int> started_process() {
    const Json functions = TRY(lab_->get("/v1/functions"));
    for (const Json& function : functions.items())
      if (function["function"].text() == "bench/f")
        return static_cast<int>(function["pid"].integer());
    return Error{Errc::not_found, "the function that was started is gone"};
  }

  // Nothing of it is this row's: neither its times nor its phases.
  void disown_other_tier(const Json& operation, Sample& sample) const {
    const std::string why = why_not_of_tier(operation, options_.mode);
    if (why.empty()) return;
    sample = Sample();
    for (const char* metric : timed) sample.disturbed[metric] = why;
  }

  Result<void> take_down(Sample& sample) {
    auto started = std::chrono::steady_clock::now();
    TRY(lab_->post("/v1/services/bench/functions/f/stop?wait=30"));
    auto reaped = std::chrono::steady_clock::now();
    auto last = prober_->last_answer(5ms, started + longest_start);
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
