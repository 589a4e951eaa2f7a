// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/refill_probe.h"

#include <fmt/format.h>

#include <thread>

#include "bench/probe/accelerator.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
constexpr auto between_looks = 50ms;  // each look costs the daemon some ms
constexpr auto longest_refill = 10s;

class RefillProbe final : public Probe {
 public:
  RefillProbe(std::string technology, SparesOptions options)
      : technology_(std::move(technology)), options_(std::move(options)) {}

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
    return {};
  }

  Result<Sample> measure() override {
    TRY(spares_->start_all());
    TRY(spares_->wait_for(options_.count, longest_refill));
    TRY(spares_->remove_all());
    TRY(spares_->start_all());
    const auto seen = TRY(watch());
    TRY(spares_->remove_all());
    const auto rate = refill_rate(seen);
    if (!rate) return Error{Errc::unavailable, "the pool was full again before it was looked at"};
    Sample sample;
    sample.values["refill"] = *rate;
    return sample;
  }

  void clean_up() noexcept override { spares_.reset(); }

 private:
  Result<std::vector<Refill>> watch() {
    std::vector<Refill> seen;
    for (const auto end = Clock::now() + longest_refill; Clock::now() < end;) {
      const unsigned loaded = TRY(spares_->loaded());
      seen.push_back({Clock::now().time_since_epoch(), loaded});
      if (loaded == options_.count) return seen;
      std::this_thread::sleep_for(between_looks);
    }
    return Error{Errc::timed_out,
                 fmt::format("{} of {} spares came within {} s", seen.back().loaded, options_.count,
                             longest_refill.count())};
  }

  std::string technology_;
  SparesOptions options_;
  std::unique_ptr<Spares> spares_;
};

}  // namespace

std::optional<double> refill_rate(const std::vector<Refill>& seen) {
  std::optional<size_t> first, last;
  for (size_t i = 1; i < seen.size(); i++) {
    if (seen[i].loaded <= seen[i - 1].loaded) continue;
    if (!first) first = i;
    last = i;
  }
  if (!first) return {};
  const Refill& from = seen[*first == *last ? *first - 1 : *first];
  const std::chrono::duration<double> time = seen[*last].at - from.at;
  return (seen[*last].loaded - from.loaded) / time.count();
}

std::unique_ptr<Probe> make_refill_probe(std::string technology, SparesOptions options) {
  return std::make_unique<RefillProbe>(std::move(technology), std::move(options));
}

}  // namespace vireo::bench
