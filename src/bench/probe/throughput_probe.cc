// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/throughput_probe.h"

#include <fmt/format.h>

#include "bench/probe/iperf.h"

namespace vireo::bench {
namespace {

class ThroughputProbe final : public Probe {
 public:
  ThroughputProbe(std::shared_ptr<Path> path, std::chrono::milliseconds duration)
      : path_(std::move(path)), duration_(duration) {}

  std::vector<Row> rows() const override {
    Row row = path_->row();
    row.metric = "throughput";
    row.unit = "Gb/s";
    if (row.source.empty())
      row.source = fmt::format("{}, one TCP stream, {}, {:g} s", iperf_version().value_or("iperf"),
                               stream_control, static_cast<double>(duration_.count()) / 1000);
    std::vector<Row> rows;
    for (const char* direction : {"tx", "rx"}) {
      row.direction = row.key = direction;
      rows.push_back(row);
    }
    return rows;
  }

  Result<void> prepare() override {
    TRY(path_->open());
    return {};
  }

  Result<Sample> measure() override {
    Sample sample;
    sample.values["rx"] = TRY(path_->stream(Direction::rx, duration_));
    sample.values["tx"] = TRY(path_->stream(Direction::tx, duration_));
    return sample;
  }

  void clean_up() noexcept override {}

 private:
  std::shared_ptr<Path> path_;
  std::chrono::milliseconds duration_;
};

}  // namespace

std::unique_ptr<Probe> make_throughput_probe(std::shared_ptr<Path> path,
                                             std::chrono::milliseconds duration) {
  return std::make_unique<ThroughputProbe>(std::move(path), duration);
}

}  // namespace vireo::bench
