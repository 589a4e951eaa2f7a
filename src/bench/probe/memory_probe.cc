// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/memory_probe.h"

#include <fmt/format.h>

#include <thread>

#include "bench/probe/accelerator.h"
#include "bench/probe/echo_prober.h"
#include "bench/probe/lab.h"
#include "bench/probe/process_memory.h"
#include "model/technology.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr double mebibyte = 1 << 20;
constexpr unsigned link_room = 10;  // instances of one link: neighbours know each other
constexpr auto idle_time = 1300ms;  // a function gives back what a burst touched after 1 s

class MemoryProbe final : public Probe {
 public:
  explicit MemoryProbe(MemoryOptions options) : options_(std::move(options)) {}

  std::vector<Row> rows() const override {
    Row row;
    row.metric = "memory_use";
    row.technology = options_.technology;
    row.accelerator = accelerator_of(row.technology);
    row.unit = "MiB";
    row.source = fmt::format("each of {} instances", options_.instances);
    std::vector<Row> rows;
    for (const char* key : {"all-in", "private", "proportional"}) {
      row.key = key;
      row.mode = fmt::format("{}, {}", kind(), key);
      rows.push_back(row);
    }
    return rows;
  }

  Result<void> prepare() override {
    lab_ = TRY(Lab::start({options_.program, machine() ? 4u : 0u, "tap"}));
    TRY(lab_->expect_possible(options_.technology));
    if (stack())
      TRY(lab_->import_image(options_.listener_archive, "bench/listener",
                             Json().set("Entrypoint", json_of({"/listener"}))));
    else
      TRY(lab_->build_functions({"responder"}));
    TRY(lab_->run(descriptor(1)));
    return {};
  }

  Result<Sample> measure() override {
    Sample sample = TRY(once());
    for (unsigned i = 1; i < options_.attempts && !sample.disturbed.empty(); i++)
      sample = TRY(once());
    return sample;
  }

  void clean_up() noexcept override { lab_.reset(); }

 private:
  bool stack() const { return !options_.listener_archive.empty(); }
  bool machine() const { return is_machine(options_.technology); }
  const char* kind() const {
    return stack() ? "kernel stack" : machine() ? "running" : "packet function";
  }
  // Each has a subnet of its own: all have addresses in the bench's namespace.
  unsigned network() const { return stack() ? 93 : machine() ? 94 : 92; }
  std::string address(unsigned number) const {
    return fmt::format("10.{}.{}.{}", network(), number / link_room, number % link_room + 10);
  }

  // The links and the first instance are always there: they pay for what all share.
  std::string descriptor(unsigned count) const {
    std::string text = "vireo: 1\nservice: bench\nlinks:\n";
    for (unsigned i = 0; i <= options_.instances / link_room; i++)
      text += fmt::format(
          "  lan{0}: {{ subnet: 10.{1}.{0}.0/24, host: 10.{1}.{0}.1 }}\n"
          "  far{0}: {{ subnet: 10.90.{0}.0/24 }}\n",
          i, network());
    text += "functions:\n";
    for (unsigned i = 0; i < count; i++)
      text += fmt::format(
          "  f{}: {{ image: {}, technology: {}, ports: [{{ link: lan{}, address: {} }}{}] }}\n", i,
          stack() ? "bench/listener" : "vireo/responder", options_.technology, i / link_room,
          address(i), stack() || machine() ? "" : fmt::format(", far{}", i / link_room));
    return text;
  }

  // What other programs took or gave back meanwhile shows as a rise that is not the fall; what they
  // did evenly cancels out.
  Result<Sample> once() {
    Sample sample;
    TRY(lab_->wait_for_pool(5s, options_.technology));
    double before = TRY(available_memory());
    auto during = with_instances(sample);
    TRY(lab_->run(descriptor(1)));
    std::this_thread::sleep_for(idle_time);
    double with = TRY(during), rise = TRY(available_memory()) - with;
    auto mean = undisturbed_mean(before - with, rise, options_.tolerance);
    if (mean)
      sample.values["all-in"] = *mean / options_.instances;
    else
      sample.disturbed["all-in"] = mean.error().message;
    return sample;
  }

  Result<double> with_instances(Sample& sample) {
    TRY(lab_->run(descriptor(options_.instances + 1)));
    for (unsigned i = 0; i <= options_.instances; i++) {
      EchoProber prober = TRY(EchoProber::open(*parse_ip(address(i))));
      TRY(prober.run(1, 0us));
    }
    std::this_thread::sleep_for(idle_time);
    double now = TRY(available_memory());
    TRY(take_processes(sample));
    return now;
  }

  Result<void> take_processes(Sample& sample) {
    Json service = TRY(lab_->get("/v1/services/bench"));
    double count = 0, of_private = 0, proportional = 0;
    for (const Json& function : service["functions"].items()) {
      auto memory = TRY(memory_of_process(static_cast<int>(function["pid"].integer())));
      of_private += static_cast<double>(memory.private_bytes);
      proportional += static_cast<double>(memory.proportional_bytes);
      count++;
    }
    if (count == 0) return Error{Errc::unavailable, "no instance runs"};
    sample.values["private"] = of_private / count / mebibyte;
    sample.values["proportional"] = proportional / count / mebibyte;
    return {};
  }

  MemoryOptions options_;
  std::unique_ptr<Lab> lab_;
};

}  // namespace

std::unique_ptr<Probe> make_memory_probe(MemoryOptions options) {
  return std::make_unique<MemoryProbe>(std::move(options));
}

}  // namespace vireo::bench
