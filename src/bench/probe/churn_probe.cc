// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/churn_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "base/rollback.h"
#include "bench/probe/accelerator.h"
#include "bench/probe/echo_prober.h"
#include "bench/probe/lab.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Ends = std::vector<Clock::time_point>;  // of lives
constexpr unsigned fewest_spares = 4;

// One client of the daemon, with a service of its own. Its link stays, so that it is the function
// alone that comes and goes.
class Client {
 public:
  Client(Lab& lab, std::string technology, std::string network, unsigned number)
      : lab_(lab),
        connection_(lab.new_client()),
        technology_(std::move(technology)),
        network_(fmt::format("{}.{}", network, number)),
        service_(fmt::format("bench-{}", number)),
        number_(number) {}

  Result<void> open() {
    TRY(lab_.run_over(connection_, descriptor(""), service_));
    const IpAddress address = TRY(parse_ip(network_ + ".10"));
    prober_ = TRY(EchoProber::open(address));
    return live_once();  // the pool loads ahead what has been started before
  }

  Result<Ends> live_until(Clock::time_point end, const std::function<bool()>& interrupted) {
    Ends ends;
    while (Clock::now() < end && !interrupted()) {
      TRY(live_once());
      ends.push_back(Clock::now());
    }
    return ends;
  }

 private:
  Result<void> live_once() {
    TRY(lab_.run_over(connection_, descriptor(function("f", 10)), service_));
    Rollback gone(
        [this] { (void)lab_.run_over(connection_, descriptor(""), service_).has_value(); });
    TRY(prober_->run(1, 0us));
    gone.dismiss();
    TRY(lab_.run_over(connection_, descriptor(""), service_));
    return {};
  }

  std::string function(const char* name, int host) const {
    return fmt::format(
        "  {}: {{ image: vireo/responder, technology: {}, "
        "ports: [{{ link: lan, address: {}.{}, mac: \"02:86:00:00:{:02x}:{}\" }}] }}\n",
        name, technology_, network_, host, number_, host);
  }

  std::string descriptor(const std::string& more) const {
    return fmt::format(
        "vireo: 1\nservice: {0}\nlinks:\n  lan: {{ subnet: {1}.0/24, host: {1}.1 }}\n"
        "functions:\n{2}{3}",
        service_, network_, function("idle", 20), more);
  }

  Lab& lab_;
  HttpClient connection_;
  std::string technology_, network_, service_;
  unsigned number_;
  std::optional<EchoProber> prober_;
};

class ChurnProbe final : public Probe {
 public:
  explicit ChurnProbe(ChurnOptions options) : options_(std::move(options)) {}

  std::vector<Row> rows() const override {
    Row row;
    row.metric = "churn";
    row.technology = options_.technology;
    row.mode = fmt::format("{} at a time", options_.clients);
    row.accelerator = accelerator_of(row.technology);
    row.unit = "lives/s";
    row.source =
        fmt::format("create, first reply to a ping, destroy, for {} s", options_.duration.count());
    return {row};
  }

  Result<void> prepare() override {
    LabOptions lab;
    lab.program = options_.program;
    lab.pool = std::max(fewest_spares, 2 * options_.clients);
    lab_ = TRY(Lab::start(lab));
    TRY(lab_->expect_possible(options_.technology));
    TRY(lab_->build_functions({"responder"}));
    for (unsigned i = 0; i < options_.clients; i++) {
      clients_.push_back(std::make_unique<Client>(*lab_, options_.technology, options_.network, i));
      TRY(clients_.back()->open());
    }
    return {};
  }

  Result<Sample> measure() override {
    TRY(lab_->wait_for_pool(5s, options_.technology));
    const auto began = Clock::now();
    std::vector<std::future<Result<Ends>>> running;
    for (const auto& client : clients_)
      running.push_back(std::async(std::launch::async, [&] {
        return client->live_until(began + options_.duration, options_.interrupted);
      }));
    std::vector<double> lives(static_cast<size_t>(options_.duration.count()));
    std::optional<Error> failed;
    for (auto& each : running) {
      Result<Ends> ends = each.get();
      if (!ends) failed = ends.error();
      for (const auto end : ends ? *ends : Ends())
        if (const auto second = static_cast<size_t>((end - began) / 1s); second < lives.size())
          lives[second]++;
    }
    if (failed) return *failed;
    if (options_.interrupted()) return Error{Errc::unavailable, "interrupted"};
    Sample sample;
    sample.series["churn"] = std::move(lives);
    return sample;
  }

  void clean_up() noexcept override {
    clients_.clear();
    lab_.reset();
  }

 private:
  ChurnOptions options_;
  std::unique_ptr<Lab> lab_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace

std::unique_ptr<Probe> make_churn_probe(ChurnOptions options) {
  return std::make_unique<ChurnProbe>(std::move(options));
}

}  // namespace vireo::bench
