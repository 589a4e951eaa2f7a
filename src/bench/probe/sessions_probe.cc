// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/sessions_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/rollback.h"
#include "bench/probe/accelerator.h"
#include "bench/probe/hops.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr unsigned first_port = 1024, ports = 65'536 - first_port;
constexpr auto longest = 20s;  // of one direction

// What tells the flows apart at the bench's end.
using Flow = std::pair<uint16_t, uint16_t>;

class SessionsProbe final : public Probe {
 public:
  explicit SessionsProbe(SessionsOptions options) : options_(std::move(options)) {}

  std::vector<Row> rows() const override {
    return {row("sessions_new", "sessions/s"), row("sessions_at_once", "sessions")};
  }

  Result<void> prepare() override {
    const std::string config = nat() ? "{ table_size: 65536, per_source: 65536 }"
                                     : "{ default: drop, table_size: 65536, rules: "
                                       "[ { name: out, action: accept, from: second } ] }";
    HopsOptions hops{options_.program, options_.listener_archive, {"/listener"}, "10.88.0"};
    if (nat()) hops.network = "10.88.1", hops.far_network = "10.88.2";
    hops_ = TRY(Hops::start(hops, {{"hop", options_.technology, options_.function, config}}));
    return {};
  }

  // Each sample has a function without a flow.
  Result<Sample> measure() override {
    TRY(hops_->run());
    Rollback gone([this] { (void)hops_->remove().has_value(); });
    std::vector<Datagram> arrivals;
    const StreamFigures opened = TRY(open_flows(arrivals));
    if (arrivals.empty())
      return Error{Errc::unavailable, fmt::format("of {} flows none came through", opened.sent)};
    Sample sample;
    sample.values["sessions_new"] = static_cast<double>(opened.arrived) / opened.seconds;
    sample.values["sessions_at_once"] = static_cast<double>(TRY(answered(arrivals)));
    return sample;
  }

  void clean_up() noexcept override { hops_.reset(); }

 private:
  // A NAT maps endpoints (RFC 4787): a second flow of the same inside port is no new session.
  unsigned flows() const { return nat() ? std::min(options_.flows, ports) : options_.flows; }
  bool nat() const { return options_.function == "nat"; }

  Row row(const std::string& metric, const std::string& unit) const {
    Row row;
    row.metric = metric;
    row.technology = options_.technology;
    row.mode = options_.function;
    row.accelerator = accelerator_of(row.technology);
    row.unit = unit;
    row.source = fmt::format("{} UDP flows tried, tables of 65536", flows());
    return row;
  }

  Datagram flow(unsigned number) const {
    Datagram datagram = hops_->datagram();
    datagram.from_port = static_cast<uint16_t>(first_port + number % ports);
    datagram.to_port = static_cast<uint16_t>(datagram.to_port + number / ports);
    return datagram;
  }

  Result<StreamFigures> open_flows(std::vector<Datagram>& arrivals) {
    unsigned number = 0;
    Stream stream;
    stream.duration = longest;
    stream.next = [&](std::vector<uint8_t>& frame) {
      if (number == flows()) return false;
      frame = frame_of(flow(number++), least_frame);
      return true;
    };
    stream.arrived = [&](std::span<const uint8_t> head) { arrivals.push_back(datagram_of(head)); };
    return run_stream(hops_->near(), hops_->far(), stream);
  }

  Result<size_t> answered(const std::vector<Datagram>& arrivals) {
    size_t number = 0;
    std::set<Flow> alive;
    Stream stream;
    stream.duration = longest;
    stream.next = [&](std::vector<uint8_t>& frame) {
      if (number == arrivals.size()) return false;
      frame = frame_of(answer_to(arrivals[number++]), least_frame);
      return true;
    };
    stream.arrived = [&](std::span<const uint8_t> head) {
      const Datagram answer = datagram_of(head);
      alive.emplace(answer.to_port, answer.from_port);
    };
    TRY(run_stream(hops_->far(), hops_->near(), stream));
    return alive.size();
  }

  SessionsOptions options_;
  std::unique_ptr<Hops> hops_;
};

}  // namespace

std::unique_ptr<Probe> make_sessions_probe(SessionsOptions options) {
  return std::make_unique<SessionsProbe>(std::move(options));
}

}  // namespace vireo::bench
