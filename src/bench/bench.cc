// SPDX-License-Identifier: Apache-2.0
#include "bench/bench.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "base/yaml_text.h"
#include "bench/bench_options.h"
#include "bench/buckets.h"
#include "bench/measurements.h"
#include "bench/probe/iperf.h"
#include "bench/probe/lab.h"
#include "bench/report/published.h"
#include "bench/report/report.h"
#include "host/kvm_probe.h"
#include "host/profile.h"

namespace vireo::bench {
namespace {

int fail(const Error& error, int code) {
  fmt::print(stderr, "vireo: {}\n", error.message);
  return code;
}

// SIGINT, SIGTERM and SIGHUP as something to ask for between samples.
class Interruption {
 public:
  Interruption() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    fd_ = Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  bool came() const {
    pollfd event{fd_.get(), POLLIN, 0};
    return ::poll(&event, 1, 0) > 0;
  }

 private:
  Fd fd_;
};

// The default congestion control of the machine is named before the bench leaves its namespace.
Json host_facts(const BenchOptions& options) {
  HostProfile profile = read_host_profile();
  return Json()
      .set("version", VIREO_VERSION)
      .set("kernel", profile.kernel)
      .set("processor", profile.processor)
      .set("cpus", profile.cpus)
      .set("memory", profile.memory)
      .set("memory_available", profile.memory_available)
      .set("cgroup", profile.cgroup)
      .set("default_congestion_control", profile.congestion_control)
      .set("kvm", text_of(probe_kvm(open_kvm())))
      .set("xen_dom0", profile.xen_dom0)
      .set("quick", options.quick);
}

std::string why_missing(const BenchOptions& options, const std::string& technology) {
  if (!options.wants_technology(technology)) return "not asked for";
  return technology == "container" ? "interrupted" : "this build has no driver for it";
}

std::vector<Row> measure(const BenchOptions& options, const Workshop& workshop,
                         const Interruption& interruption) {
  std::vector<Row> rows;
  for (const std::string& metric : options.metrics) {
    if (interruption.came()) return rows;
    // Peers alone are no measurement of ours.
    if (!is_limit_metric(metric) && !options.wants_technology("container") &&
        !options.wants_technology("unikernel.vireo.kvm"))
      continue;
    auto found =
        run_round(round_of(metric, options, workshop), workshop.progress, workshop.interrupted);
    rows.insert(rows.end(), found.begin(), found.end());
  }
  return rows;
}

// Those of the draft's rows that belong to what was asked for.
void add_draft(std::vector<Row>& rows, const BenchOptions& options) {
  for (const std::string& metric : options.metrics) {
    if (metric == "heal" || is_limit_metric(metric)) continue;
    add_missing_technologies(rows, metric, [&](const std::string& technology) {
      return why_missing(options, technology);
    });
    for (Row& row : published_rows())
      if (row.metric == metric) rows.push_back(std::move(row));
  }
}

std::string command_text(const std::vector<std::string>& arguments) {
  std::string text = "vireo bench";
  for (const std::string& argument : arguments) text += " " + argument;
  return text;
}

Result<Report> make_report(const BenchOptions& options, const BenchPrograms& programs) {
  Interruption interruption;
  Report report;
  report.quick = options.quick;
  report.host = host_facts(options);
  TRY(enter_private_namespaces(stream_control));
  TemporaryDirectory folder = TRY(TemporaryDirectory::make("vireo-bench"));
  Workshop workshop = TRY(prepare_workshop(options, programs, folder.path()));
  report.host.set("congestion_control", stream_control);
  workshop.progress = [](const std::string& text) { fmt::print(stderr, "{}\n", text); };
  workshop.interrupted = [&] { return interruption.came(); };
  report.rows = measure(options, workshop, interruption);
  add_ratios(report.rows);
  add_growth(report.rows, "density_start");
  add_technology_ratios(report.rows);
  report.noise = noise_of(report.rows);
  Json noise = Json::object();
  for (const auto& [metric, percent] : report.noise) noise.set(metric, percent);
  report.host.set("aa_difference_percent", noise);
  if (interruption.came()) report.host.set("interrupted", true);
  return report;
}

Result<void> write_report(const Report& report, const BenchOptions& options) {
  Json all = report_json(report);
  fmt::print("{}", options.output == "table"  ? text_report(report)
                   : options.output == "yaml" ? yaml_text(all)
                                              : all.dump(1) + "\n");
  std::fflush(stdout);
  if (options.report.empty()) return {};
  return replace_file(options.report, html_report(report));
}

int exit_code(const Report& report, bool check) {
  bool measured = std::any_of(report.rows.begin(), report.rows.end(), [](const Row& row) {
    return row.status == RowStatus::measured && !row.samples.empty();
  });
  bool lacking = std::any_of(report.rows.begin(), report.rows.end(), lacks_figure);
  bool missed = std::any_of(report.verdicts.begin(), report.verdicts.end(),
                            [](const Verdict& verdict) { return verdict.met == false; });
  return !measured || lacking || (check && missed) ? 1 : 0;
}

}  // namespace

int run_bench(const std::vector<std::string>& arguments, const BenchPrograms& programs) {
  auto options = parse_bench_options(arguments);
  if (!options) {
    fmt::print(stderr, "vireo: {}\n\n{}", options.error().message, bench_usage());
    return 2;
  }
  if (options->help) {
    fmt::print("{}", bench_usage());
    return 0;
  }
  if (auto fits = check_limits(*options); !fits) return fail(fits.error(), 1);
  auto rules = goal_rules();
  if (!rules) return fail(rules.error(), 1);
  auto report = make_report(*options, programs);
  if (!report) return fail(report.error(), 1);
  report->command = command_text(arguments);
  auto verdicts = judge(*rules, report->rows);
  if (options->check) report->verdicts = verdicts;
  int code = exit_code(*report, options->check);
  add_draft(report->rows, *options);
  auto written = write_report(*report, *options);
  return written ? code : fail(written.error(), 1);
}

}  // namespace vireo::bench
