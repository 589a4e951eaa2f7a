// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/chain_probe.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/probe/accelerator.h"
#include "bench/probe/echo_prober.h"
#include "bench/probe/hops.h"
#include "bench/probe/iperf.h"
#include "bench/probe/vitals_of.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr size_t sizes[] = {64, 512, 1500};  // bytes of a frame, without its checksum
constexpr unsigned echoes = 1000;

struct Work {
  uint64_t cycles = 0, packets = 0;
};

class ChainProbe final : public Probe {
 public:
  explicit ChainProbe(ChainOptions options) : options_(std::move(options)) {}

  std::vector<Row> rows() const override {
    std::vector<Row> rows;
    for (const char* direction : {"tx", "rx"}) {
      rows.push_back(row("chain_throughput", "", "Mb/s", iperf_text()));
      rows.back().direction = direction;
      rows.back().key += direction;
    }
    const std::string way = "frames toward the far end, at most 256 on their way";
    for (const size_t size : sizes)
      rows.push_back(row("chain_packets", size_text(size), "packets/s", way));
    rows.push_back(row("chain_round_trip", "flooded", "us", "ICMP echo of 64 bytes"));
    for (const size_t size : sizes)
      rows.push_back(row("chain_cycles", size_text(size), "cycles per packet and hop",
                         "the functions' own count, system calls with packets included"));
    return rows;
  }

  Result<void> prepare() override {
    if (options_.iperf_archive.empty()) TRY(iperf_version());
    std::vector<Hop> hops;
    for (unsigned i = 0; i < options_.length; i++)
      hops.push_back({fmt::format("hop{}", i + 1),
                      options_.technologies[i % options_.technologies.size()], "forwarder"});
    hops_ = TRY(Hops::start({options_.program, options_.iperf_archive, iperf_server(), "10.89.0"},
                            std::move(hops)));
    TRY(hops_->run());
    return wait_for_iperf(hops_->far_address(), 10s);
  }

  Result<Sample> measure() override {
    Sample sample;
    for (const auto& [name, direction] :
         {std::pair("rx", Direction::rx), std::pair("tx", Direction::tx)})
      sample.values[std::string("chain_throughput") + name] =
          1000 * TRY(run_iperf(hops_->far_address(), direction, options_.duration));
    const IpAddress far = TRY(parse_ip(hops_->far_address()));
    EchoProber prober = TRY(EchoProber::open(far));
    sample.values["chain_round_tripflooded"] = median(TRY(prober.run(echoes, 0us)));
    for (const size_t size : sizes) TRY(take_packets(size, sample));
    return sample;
  }

  void clean_up() noexcept override { hops_.reset(); }

 private:
  static std::string size_text(size_t size) { return fmt::format("{} bytes", size); }
  std::string iperf_text() const {
    return fmt::format("{}, one TCP stream, {}, {:g} s", iperf_version().value_or("iperf"),
                       stream_control, static_cast<double>(options_.duration.count()) / 1000);
  }

  // "container", or "container and unikernel.vireo.kvm" when they take turns.
  Row row(const std::string& metric, const std::string& mode, const std::string& unit,
          const std::string& source) const {
    Row row;
    row.metric = metric;
    for (const std::string& technology : options_.technologies)
      row.technology += (row.technology.empty() ? "" : " and ") + technology;
    row.key = metric + mode;
    row.mode = fmt::format("{} hops", options_.length) + (mode.empty() ? "" : ", " + mode);
    row.accelerator = accelerator_of(row.technology);
    row.unit = unit;
    row.source = source;
    return row;
  }

  Result<Work> work_so_far() {
    Work sum;
    for (const Hop& hop : hops_->hops()) {
      const Json function = TRY(hops_->function(hop.name));
      const vnf::Vitals vitals =
          TRY_IN(hop.name, vitals_of(static_cast<int>(function["pid"].integer())));
      sum.cycles += vitals.busy_cycles;
      for (const vnf::PortVitals& port : vitals.ports) sum.packets += port.rx_packets;
    }
    return sum;
  }

  Result<void> take_packets(size_t size, Sample& sample) {
    const Work before = TRY(work_so_far());
    const StreamFigures figures = TRY(hops_->send_frames(size, options_.duration));
    const Work after = TRY(work_so_far());
    if (after.packets == before.packets)
      return Error{Errc::unavailable, "the functions have counted no packet"};
    sample.values["chain_packets" + size_text(size)] =
        static_cast<double>(figures.arrived) / figures.seconds;
    sample.values["chain_cycles" + size_text(size)] =
        static_cast<double>(after.cycles - before.cycles) /
        static_cast<double>(after.packets - before.packets);
    return {};
  }

  ChainOptions options_;
  std::unique_ptr<Hops> hops_;
};

}  // namespace

std::unique_ptr<Probe> make_chain_probe(ChainOptions options) {
  return std::make_unique<ChainProbe>(std::move(options));
}

}  // namespace vireo::bench
