// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/packets_probe.h"

#include <fmt/format.h>

#include "bench/probe/accelerator.h"
#include "bench/probe/hops.h"

namespace vireo::bench {
namespace {

constexpr size_t sizes[] = {64, 1500};  // bytes of a frame, without its checksum

std::string size_text(size_t size) { return fmt::format("{} bytes", size); }

class PacketsProbe final : public Probe {
 public:
  explicit PacketsProbe(PacketsOptions options) : options_(std::move(options)) {}

  std::vector<Row> rows() const override {
    std::vector<Row> rows;
    for (const size_t size : sizes) {
      Row row;
      row.metric = "packets";
      row.technology = options_.technology;
      row.mode = row.key = size_text(size);
      row.accelerator = accelerator_of(row.technology);
      row.unit = "packets/s";
      row.source = "UDP frames toward the far end, at most 256 on their way";
      rows.push_back(row);
    }
    return rows;
  }

  Result<void> prepare() override {
    HopsOptions hops{options_.program, options_.listener_archive, {"/listener"}, options_.network};
    hops.packet_ports = "tap";
    hops_ = TRY(Hops::start(hops, {{"middle", options_.technology, "forwarder"}}));
    return hops_->run();
  }

  Result<Sample> measure() override {
    Sample sample;
    for (const size_t size : sizes) sample.values[size_text(size)] = TRY(rate_of(size));
    return sample;
  }

  void clean_up() noexcept override { hops_.reset(); }

 private:
  Result<double> rate_of(size_t size) {
    const StreamFigures figures = TRY(hops_->send_frames(size, options_.duration));
    return static_cast<double>(figures.arrived) / figures.seconds;
  }

  PacketsOptions options_;
  std::unique_ptr<Hops> hops_;
};

}  // namespace

std::unique_ptr<Probe> make_packets_probe(PacketsOptions options) {
  return std::make_unique<PacketsProbe>(std::move(options));
}

}  // namespace vireo::bench
