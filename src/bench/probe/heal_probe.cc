// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/heal_probe.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "base/rollback.h"
#include "bench/probe/accelerator.h"
#include "bench/probe/lab.h"
#include "bench/probe/process_time.h"
#include "bench/probe/syn_prober.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
constexpr auto longest_heal = 5s;
constexpr uint16_t listening = 8080;
// Enough for the figure's digits; a flood through the forwarder would hold both processors of a
// small machine, and the next generation would wait for one.
constexpr auto gap = 200us;
constexpr const char* far_mac = "02:91:00:00:00:10";

class HealProbe final : public Probe {
 public:
  explicit HealProbe(HealOptions options) : options_(std::move(options)) {}

  std::vector<Row> rows() const override {
    Row row;
    row.metric = "heal";
    row.technology = options_.technology;
    row.mode = "pooled";
    row.accelerator = accelerator_of(row.technology);
    row.unit = "ms";
    row.source = "first answer to a frame sent when the killed process runs no more";
    return {row};
  }

  Result<void> prepare() override {
    lab_ = TRY(Lab::start({options_.program, 4}));
    TRY(lab_->expect_possible(options_.technology));
    TRY(lab_->import_image(options_.listener_archive, "bench/listener",
                           Json().set("Entrypoint", json_of({"/listener"}))));
    TRY(lab_->build_functions({"forwarder"}));
    return {};
  }

  Result<Sample> measure() override {
    TRY(lab_->run(descriptor()));
    Rollback gone([this] { (void)lab_->remove("bench").has_value(); });
    ProbeTarget target;
    target.source = TRY(parse_ip(options_.network + ".1"));
    target.target = TRY(parse_ip(options_.network + ".10"));
    target.target_mac = TRY(parse_mac(far_mac));
    target.port = listening;
    target.gap = gap;
    target.punctual = true;
    target.interface = TRY(interface_with(target.source));
    auto prober = TRY(SynProber::open(target));
    for (const std::string& filled : {options_.technology, std::string("container")})
      TRY(lab_->wait_for_pool(5s, filled));
    prober->reset();
    if (!prober->wait_for_answer(Clock::now() + longest_heal).own)
      return Error{Errc::timed_out, "no answer came through the forwarder before it was killed"};
    Sample sample;
    sample.values["heal"] = TRY(kill_and_wait(*prober));
    gone.dismiss();
    TRY(lab_->remove("bench"));
    return sample;
  }

  void clean_up() noexcept override { lab_.reset(); }

 private:
  std::string descriptor() const {
    return fmt::format(
        "vireo: 1\nservice: bench\n"
        "links:\n  lan: {{ subnet: {0}.0/24, host: {0}.1 }}\n  far: {{}}\n"
        "functions:\n"
        "  middle: {{ image: vireo/forwarder, technology: {1} }}\n"
        "  behind: {{ image: bench/listener,\n"
        "    ports: [{{ link: far, address: {0}.10, mac: \"{2}\" }}] }}\n"
        "chain: [ lan, middle, far ]\n",
        options_.network, options_.technology, far_mac);
  }

  Result<double> kill_and_wait(SynProber& prober) {
    Json function = TRY(lab_->get("/v1/services/bench/functions/middle"));
    const int pid = static_cast<int>(function["pid"].integer());
    Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process) return system_error("cannot open the forwarder's process");
    auto killed = Clock::now();
    if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0)
      return system_error("cannot kill the forwarder");
    while (!runs_no_more(pid)) {
      if (Clock::now() > killed + longest_heal)
        return Error{Errc::timed_out, "the killed process does not end"};
      std::this_thread::sleep_for(100us);
    }
    auto answered = prober.answer_to_syn_after(Clock::now(), killed + longest_heal);
    if (!answered) return Error{Errc::timed_out, "nothing came through the next generation"};
    return std::chrono::duration<double, std::milli>(*answered - killed).count();
  }

  HealOptions options_;
  std::unique_ptr<Lab> lab_;
};

}  // namespace

std::unique_ptr<Probe> make_heal_probe(HealOptions options) {
  return std::make_unique<HealProbe>(std::move(options));
}

}  // namespace vireo::bench
