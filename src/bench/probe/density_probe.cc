// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/density_probe.h"

#include <fmt/format.h>

#include <thread>

#include "bench/buckets.h"
#include "bench/probe/accelerator.h"
#include "bench/probe/crowd.h"
#include "bench/probe/lab.h"
#include "bench/probe/process_memory.h"
#include "bench/probe/process_time.h"
#include "bench/probe/roll_call.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
constexpr unsigned spares = 4;
constexpr auto longest_refill = 5s;
constexpr auto idle_time = 1300ms;  // a function gives back what a burst touched after 1 s
constexpr auto quiet_time = 5s;     // and sleeps for long after 4
constexpr auto watched_time = 5s;   // of idle processors: some of the daemon's turns of 1 s
constexpr unsigned requests = 20;   // of each kind, with all instances there

double milliseconds_since(Clock::time_point began) {
  return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

std::string service_name(unsigned number) { return fmt::format("bench-{}", number); }

// Each link has a subnet of its own, so that the host could join them all.
std::string address(unsigned number, unsigned host) {
  const unsigned all = number * 16 + host;  // a /28 of 10.0.0.0/8, which has a million of them
  return fmt::format("10.{}.{}.{}", (all >> 16) & 255, (all >> 8) & 255, all & 255);
}

// Available memory with all of them: after their start, and after they were called.
struct Crowded {
  double started = 0, called = 0;
};

class DensityProbe final : public Probe {
 public:
  explicit DensityProbe(DensityOptions options)
      : options_(std::move(options)), buckets_(buckets_of(options_.count)) {}

  std::vector<Row> rows() const override {
    std::vector<Row> rows;
    for (const Bucket& bucket : buckets_)
      rows.push_back(row("density_start", bucket_text(bucket), "ms"));
    rows.push_back(row("density_up", "all", "s"));
    rows.push_back(
        row("density_answered", "over their links", fmt::format("of {}", options_.count)));
    rows.push_back(row("density_memory", fmt::format("each of {}", options_.count), "MiB"));
    for (const char* whose : {"all instances", "the platform"})
      rows.push_back(row("density_idle", whose, "% of a core"));
    for (const char* request : {"ps", "inspect", "rm"})
      rows.push_back(row("density_request", request, "ms"));
    return rows;
  }

  // The first one pays for what all share.
  Result<void> prepare() override {
    LabOptions lab;
    lab.program = options_.program;
    lab.pool = spares;
    lab_ = TRY(Lab::start(lab));
    TRY(lab_->expect_possible(options_.technology));
    TRY(lab_->build_functions({"responder"}));
    TRY(start(0));
    return {};
  }

  Result<Sample> measure() override {
    Sample sample;
    sample.reason = "interrupted";
    TRY(lab_->wait_for_pool(longest_refill, options_.technology));
    std::this_thread::sleep_for(idle_time);
    const double before = TRY(available_memory());
    const unsigned running = start_all(sample);
    const bool whole = running == options_.count;
    auto with = whole ? with_all(sample) : Error{Errc::unavailable, sample.reason};
    if (!with) sample.reason = with.error().message;
    const bool gone = remove_all(running, sample);
    if (with && gone) TRY(take_memory(before, *with, sample));
    return sample;
  }

  void clean_up() noexcept override { lab_.reset(); }

 private:
  Row row(const std::string& metric, const std::string& mode, const std::string& unit) const {
    Row row;
    row.metric = metric;
    row.technology = options_.technology;
    row.mode = mode;
    row.key = metric + mode;
    row.accelerator = accelerator_of(row.technology);
    row.unit = unit;
    row.source = fmt::format("{} services of one responder, pooled", options_.count);
    return row;
  }

  CalledService service(unsigned number) const {
    auto text = [&](const std::string& host) {
      return fmt::format(
          "vireo: 1\nservice: {}\nlinks: {{ lan: {{ subnet: {}/28{} }} }}\n"
          "functions:\n  f: {{ image: vireo/responder, technology: {}, "
          "ports: [{{ link: lan, address: {} }}] }}\n",
          service_name(number), address(number, 0), host, options_.technology, address(number, 10));
    };
    return {service_name(number), text(""), text(", host: " + address(number, 1)),
            *parse_ip(address(number, 10))};
  }

  std::string descriptor(unsigned number) const { return service(number).descriptor; }

  Result<void> start(unsigned number) {
    TRY(lab_->run(descriptor(number), service_name(number)));
    return {};
  }

  // Of none of them a figure is asked.
  size_t untimed_after(size_t running) const {
    for (const Bucket& bucket : buckets_)
      if (running < bucket.last) return bucket.first > running + 1 ? bucket.first - 1 - running : 0;
    return 0;
  }

  // From several connections at once; the first that fails is the reason.
  Result<void> start_crowd(unsigned first, unsigned last) {
    return crowd(lab_->socket(), first, last, [&](HttpClient& client, unsigned number) {
      if (options_.interrupted()) return Result<void>(Error{Errc::unavailable, "interrupted"});
      tell("started", number);
      auto started = Lab::run_over(client, descriptor(number), service_name(number));
      if (started) return Result<void>();
      return Result<void>(std::move(started).error().within(fmt::format("start {}", number)));
    });
  }

  void tell(const char* verb, unsigned number) const {
    if (number % 100 == 0 || number == options_.count)
      options_.progress(fmt::format("density: {} {} of {} instances of {}", verb, number,
                                    options_.count, options_.technology));
  }

  // No later one runs, and when it is the last, all do; the sample says why not.
  unsigned start_all(Sample& sample) {
    std::vector<double> times;
    unsigned reached = 0;
    const auto all_began = Clock::now();
    while (times.size() < options_.count && !options_.interrupted()) {
      const auto number = static_cast<unsigned>(times.size()) + 1;
      if (const size_t untimed = untimed_after(times.size()); untimed > 0) {
        const auto last = static_cast<unsigned>(times.size() + untimed);
        reached = last;
        if (auto all = start_crowd(number, last)) {
          times.resize(last);
          continue;
        } else {
          sample.reason = all.error().message;
          break;
        }
      }
      auto filled = lab_->wait_for_pool(longest_refill, options_.technology);
      const auto began = Clock::now();
      auto started = filled ? start(number) : filled;
      if (!started) {
        sample.reason = fmt::format("start {} failed: {}", number, started.error().message);
        break;
      }
      times.push_back(milliseconds_since(began));
      reached = number;
      tell("started", number);
    }
    if (times.size() == options_.count)
      sample.values["density_upall"] = milliseconds_since(all_began) / 1000;
    for (const Bucket& bucket : buckets_)
      if (auto part = figures_in(bucket, times); !part.empty())
        sample.series["density_start" + bucket_text(bucket)] = std::move(part);
    return reached;
  }

  // What all of them cost, and whether they are what they are said to be.
  Result<Crowded> with_all(Sample& sample) {
    std::this_thread::sleep_for(quiet_time);
    Crowded crowded;
    crowded.started = TRY(available_memory());
    Json functions = TRY(lab_->get("/v1/functions"));
    std::vector<int> pids;
    for (const Json& function : functions.items()) {
      if (function["state"].text() != "running")
        return Error{Errc::unavailable,
                     fmt::format("{} is {}: {}", function["function"].text(),
                                 function["state"].text(), function["reason"].text())};
      pids.push_back(static_cast<int>(function["pid"].integer()));
    }
    take_idle(pids, sample);
    TRY(take_requests(sample));
    take_answers(sample);
    std::this_thread::sleep_for(idle_time);
    crowded.called = TRY(available_memory());
    return crowded;
  }

  void take_answers(Sample& sample) {
    options_.progress(
        fmt::format("density: calling {} instances of {}", options_.count, options_.technology));
    auto answered = roll_call(
        lab_->socket(), options_.count, [&](unsigned number) { return service(number); },
        options_.interrupted);
    if (answered)
      sample.values["density_answeredover their links"] = *answered;
    else
      sample.reason = answered.error().message;
  }

  void take_idle(const std::vector<int>& pids, Sample& sample) const {
    const std::vector<int> platform = lab_->pids();
    const auto of_all = time_of_processes(pids), of_platform = time_of_processes(platform);
    const auto began = Clock::now();
    std::this_thread::sleep_for(watched_time);
    const double all = std::chrono::duration<double>(time_of_processes(pids) - of_all).count();
    const double own =
        std::chrono::duration<double>(time_of_processes(platform) - of_platform).count();
    const double seconds = milliseconds_since(began) / 1000;
    sample.values["density_idleall instances"] = 100 * all / seconds;
    // The keeper is the parent of all instances: its descendants are counted once.
    sample.values["density_idlethe platform"] = 100 * (own - all) / seconds;
  }

  Result<void> take_requests(Sample& sample) {
    for (unsigned i = 0; i < requests; i++) {
      auto began = Clock::now();
      TRY(lab_->get("/v1/functions"));
      sample.series["density_requestps"].push_back(milliseconds_since(began));
      began = Clock::now();
      TRY(lab_->get("/v1/services/" + service_name(1 + i % options_.count)));
      sample.series["density_requestinspect"].push_back(milliseconds_since(began));
    }
    return {};
  }

  // Whatever was started goes; only removals with all of them there are figures.
  bool remove_all(unsigned running, Sample& sample) {
    const bool whole = running == options_.count;
    bool good = true;
    unsigned number = running;
    for (; number > 0 && running - number < requests; number--) {
      const auto began = Clock::now();
      auto removed = lab_->remove(service_name(number));
      // Of a crowd that was interrupted not all were begun.
      if (!removed && !whole && removed.error().code == Errc::not_found) continue;
      if (!removed) sample.reason = "rm failed: " + removed.error().message;
      good = good && removed;
      if (whole && removed) sample.series["density_requestrm"].push_back(milliseconds_since(began));
    }
    if (number == 0) return good;
    auto rest = crowd(lab_->socket(), 1, number, [&](HttpClient& client, unsigned each) {
      tell("removing", each);
      auto removed = Lab::remove_over(client, service_name(each));
      if (removed || removed.error().code == Errc::not_found) return Result<void>();
      return Result<void>(std::move(removed).error());
    });
    if (!rest) sample.reason = "rm failed: " + rest.error().message;
    return good && rest;
  }

  Result<void> take_memory(double before, const Crowded& with, Sample& sample) {
    std::this_thread::sleep_for(idle_time);
    const double fall = before - with.started, rise = TRY(available_memory()) - with.called;
    const std::string key = fmt::format("density_memoryeach of {}", options_.count);
    auto mean = undisturbed_mean(fall, rise, options_.tolerance);
    if (mean)
      sample.values[key] = *mean / options_.count;
    else
      sample.disturbed[key] = mean.error().message;
    return {};
  }

  DensityOptions options_;
  std::vector<Bucket> buckets_;
  std::unique_ptr<Lab> lab_;
};

}  // namespace

std::unique_ptr<Probe> make_density_probe(DensityOptions options) {
  return std::make_unique<DensityProbe>(std::move(options));
}

}  // namespace vireo::bench
