// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/refill_probe.h"

#include <fmt/format.h>

#include <thread>

#include "bench/probe/accelerator.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr auto longest_refill = 10s;
constexpr auto quiet = 1500ms;  // what was removed is gone, the kernel's own work included
constexpr auto keep = 20s;      // longer than that

class RefillProbe final : public Probe {
 public:
  RefillProbe(std::string technology, SparesOptions options)
      : technology_(std::move(technology)), options_(std::move(options)) {
    options_.keep = keep;
  }

  std::vector<Row> rows() const override {
    Row row;
    row.metric = "refill";
    row.technology = technology_;
    row.mode = options_.tier;
    row.accelerator = accelerator_of(technology_);
    row.unit = "spares/s";
    row.source = fmt::format("{} loaded spares that are used at once", options_.count);
    return {row};
  }

  Result<void> prepare() override {
    if (technology_ != Spares::technology)
      return Error{Errc::unsupported, "its spares have no tiers"};
    spares_ = TRY(Spares::start(options_));
    return spares_->remove_all();
  }

  Result<Sample> measure() override {
    TRY(spares_->wait_for(options_.count, longest_refill));
    std::this_thread::sleep_for(quiet);
    TRY(spares_->start_all());
    std::this_thread::sleep_for(quiet);
    TRY(spares_->wait_full(longest_refill));
    Sample sample;
    sample.values["refill"] = TRY(spares_->refill_rate());
    TRY(spares_->remove_all());
    return sample;
  }

  void clean_up() noexcept override { spares_.reset(); }

 private:
  std::string technology_;
  SparesOptions options_;
  std::unique_ptr<Spares> spares_;
};

}  // namespace

std::unique_ptr<Probe> make_refill_probe(std::string technology, SparesOptions options) {
  return std::make_unique<RefillProbe>(std::move(technology), std::move(options));
}

}  // namespace vireo::bench
