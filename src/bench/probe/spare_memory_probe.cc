// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/spare_memory_probe.h"

#include <fmt/format.h>

#include <thread>

#include "bench/probe/process_memory.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr auto idle_time = 1300ms;
constexpr auto longest_refill = 10s;
constexpr auto longest_unload = 13s;  // from the last use

class SpareMemoryProbe final : public Probe {
 public:
  explicit SpareMemoryProbe(SpareMemoryOptions options)
      : options_(std::move(options.spares)),
        open_fabric_(std::move(options.open_fabric)),
        tolerance_(options.tolerance),
        attempts_(options.attempts) {}

  std::vector<Row> rows() const override {
    Row row;
    row.metric = "memory_use";
    row.technology = Spares::technology;
    row.mode = options_.tier + ", all-in";
    row.key = "all-in";
    row.accelerator = "kvm";
    row.unit = "MiB";
    row.source = fmt::format("each of {} spares", options_.count);
    return {row};
  }

  Result<void> prepare() override {
    spares_ = TRY(Spares::start(options_));
    return spares_->remove_all();
  }

  Result<Sample> measure() override {
    Sample sample = TRY(once());
    for (unsigned i = 1; i < attempts_ && !sample.disturbed.empty(); i++) sample = TRY(once());
    return sample;
  }

  void clean_up() noexcept override { spares_.reset(); }

 private:
  Result<Sample> once() {
    const double before = TRY(available_with(0));
    TRY(spares_->start_all());
    TRY(spares_->wait_for(options_.count, longest_refill));
    TRY(spares_->remove_all());
    const double with = TRY(available_with(options_.count));
    const double after = TRY(available_with(0));
    Sample sample;
    auto machines = undisturbed_mean(before - with, after - with, tolerance_);
    auto tap = memory_of_taps(open_fabric_, options_.count, tolerance_);
    if (!tap && tap.error().code != Errc::unavailable) return tap.error();
    if (machines && tap)
      sample.values["all-in"] = *machines / options_.count + *tap;
    else
      sample.disturbed["all-in"] = (machines ? tap : machines).error().message;
    return sample;
  }

  // With so many spares loaded: MiB.
  Result<double> available_with(unsigned loaded) {
    TRY(spares_->wait_for(loaded, longest_unload));
    std::this_thread::sleep_for(idle_time);
    TRY(spares_->wait_for(loaded, 0ms));
    return available_memory();
  }

  SparesOptions options_;
  OpenFabric open_fabric_;
  double tolerance_;
  unsigned attempts_;
  std::unique_ptr<Spares> spares_;
};

}  // namespace

std::unique_ptr<Probe> make_spare_memory_probe(SpareMemoryOptions options) {
  return std::make_unique<SpareMemoryProbe>(std::move(options));
}

}  // namespace vireo::bench
