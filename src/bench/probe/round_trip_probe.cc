// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/round_trip_probe.h"

#include <fmt/format.h>

#include <optional>

#include "bench/probe/echo_prober.h"
#include "bench/statistics.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;

class RoundTripProbe final : public Probe {
 public:
  RoundTripProbe(std::shared_ptr<Path> path, RoundTripOptions options)
      : path_(std::move(path)), options_(options) {}

  std::vector<Row> rows() const override {
    Row row = path_->row();
    row.metric = "round_trip";
    row.unit = "us";
    std::vector<Row> rows;
    const size_t fabric = row.mode.find(", ");  // "container, bridge"
    const std::string over = fabric == std::string::npos ? "" : row.mode.substr(fabric);
    for (const char* mode : {"idle", "flooded"}) {
      row.key = mode;
      row.mode = mode + over;
      bool idle = row.key == "idle";
      row.source = fmt::format("ICMP echo of 64 bytes, median of {} {}",
                               idle ? options_.idle : options_.flooded,
                               idle ? "every 10 ms" : "back to back");
      rows.push_back(row);
    }
    return rows;
  }

  Result<void> prepare() override {
    IpAddress address = *parse_ip(TRY(path_->open()));
    prober_ = TRY(EchoProber::open(address));
    return {};
  }

  Result<Sample> measure() override {
    Sample sample;
    sample.values["idle"] = median(TRY(prober_->run(options_.idle, 10ms)));
    sample.values["flooded"] = median(TRY(prober_->run(options_.flooded, 0us)));
    return sample;
  }

  void clean_up() noexcept override { prober_.reset(); }

 private:
  std::shared_ptr<Path> path_;
  RoundTripOptions options_;
  std::optional<EchoProber> prober_;
};

}  // namespace

std::unique_ptr<Probe> make_round_trip_probe(std::shared_ptr<Path> path, RoundTripOptions options) {
  return std::make_unique<RoundTripProbe>(std::move(path), options);
}

}  // namespace vireo::bench
