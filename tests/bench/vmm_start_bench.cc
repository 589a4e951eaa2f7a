// SPDX-License-Identifier: Apache-2.0
// The VMM driver's own part of a start, without daemon and fabric: from the call of start() to its
// return, and to the RST with which the guest answers a SYN that lay on its port before. Tiers take
// turns; a socket pair stands in for the tap.
//   vmm_start_bench [ROUNDS]
// How many spares a second it makes, and what each of them takes of MemAvailable:
//   vmm_start_bench spares COUNT THREADS
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <map>

#include "contract/vmm_bench.h"
#include "host/process_stat.h"
#include "vmm/rehearsal.h"
#include "vnf/parse.h"
#include "vnf/responder.h"

namespace vireo {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t tap_header = 10;

struct Figures {
  std::vector<double> start, reset, faults;
};

double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

InstanceSpec responder(VmmBench& bench) {
  InstanceSpec spec = bench.spec_of("default/bench/f.1@1", "responder",
                                    read_file(VIREO_FUNCTIONS "/responder.elf").value_or(""));
  const vnf::Responder::Config another_port_only{0, 0, 1};
  spec.function->config.assign(reinterpret_cast<const char*>(&another_port_only),
                               sizeof another_port_only);
  spec.ports.resize(1);
  spec.ports[0].mac = *parse_mac("02:00:00:00:00:10");
  spec.ports[0].addresses = {*parse_prefix("10.1.0.10/24")};
  spec.ports[0].neighbours = {{*parse_ip("10.1.0.1"), *parse_mac("02:00:00:00:00:01")}};
  return spec;
}

// What vmm/rehearsal.h asks, as if from the tap.
std::string question() {
  vnf::AbiPort port{};
  const uint8_t mac[] = {2, 0, 0, 0, 0, 0x10}, address[] = {10, 1, 0, 10}, peer[] = {10, 1, 0, 1};
  std::copy_n(mac, 6, port.mac);
  port.address_count = port.neighbour_count = 1;
  port.addresses[0].family = port.neighbours[0].address.family = 4;
  std::copy_n(address, 4, port.addresses[0].bytes);
  std::copy_n(peer, 4, port.neighbours[0].address.bytes);
  port.neighbours[0].mac[0] = 2;
  std::string packet(tap_header + vmm::rehearsal_frame_bytes, '\0');
  vmm::write_rehearsal_frame(port, reinterpret_cast<uint8_t*>(packet.data()) + tap_header);
  return packet;
}

bool await_reset(const Fd& link) {
  uint8_t frame[2048];
  for (pollfd wanted{link.get(), POLLIN, 0}; ::poll(&wanted, 1, 5000) == 1;) {
    const ssize_t got = ::read(link.get(), frame, sizeof frame);
    vnf::Headers headers;
    if (got > static_cast<ssize_t>(tap_header) &&
        vnf::parse(frame + tap_header, static_cast<uint32_t>(got) - uint32_t{tap_header},
                   headers) &&
        headers.transport == vnf::Transport::tcp && (headers.tcp().flags() & vnf::Tcp::rst) != 0)
      return true;
  }
  return false;
}

double faults_of(int pid) {
  const auto stat = read_process_stat(fmt::format("/proc/{}", pid)).value_or(ProcessStat{});
  return static_cast<double>(stat.minor_faults);
}

bool round(VmmBench& bench, bool loaded, Figures& figures) {
  const InstanceSpec spec = responder(bench);
  auto shell = bench.driver().prepare({spec.technology, false});
  if (!shell || (loaded && !bench.vmm().preload(shell->id, spec))) return false;
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return false;
  const Fd ours(ends[0]);
  std::vector<PortEndpoint> ports(1);
  ports[0].fd = Fd(ends[1]);
  const std::string asked = question();
  (void)!::write(ours.get(), asked.data(), asked.size());
  const int pid = bench.vmm().pid(shell->id).value_or(0);
  const double faults = faults_of(pid);
  ::usleep(20'000);  // what was prepared is over
  const auto began = Clock::now();
  if (!bench.driver().start(shell->id, spec, std::move(ports), nullptr)) return false;
  const auto started = Clock::now();
  const bool answered = await_reset(ours);
  const auto ended = Clock::now();
  if (answered) {
    figures.start.push_back(microseconds(started - began));
    figures.reset.push_back(microseconds(ended - began));
    figures.faults.push_back(faults_of(pid) - faults);
  }
  bench.driver().rest();
  return bench.driver().destroy(spec.id).has_value() && answered;
}

double available_kib() {
  const std::string text = read_file("/proc/meminfo").value_or("");
  const size_t at = text.find("MemAvailable:");
  return at == std::string::npos ? 0 : std::strtod(&text[at + 13], nullptr);
}

// Each thread its share, one after the other.
std::vector<InstanceId> make_spares(VmmBench& bench, unsigned count, unsigned threads) {
  const InstanceSpec spec = responder(bench);
  std::vector<std::future<std::vector<InstanceId>>> all;
  for (unsigned i = 0; i < threads; i++)
    all.push_back(std::async(std::launch::async, [&] {
      std::vector<InstanceId> made;
      for (unsigned left = count / threads; left > 0; left--)
        if (auto shell = bench.driver().prepare({spec.technology, false});
            shell && bench.vmm().preload(shell->id, spec))
          made.push_back(shell->id);
      return made;
    }));
  std::vector<InstanceId> made;
  for (auto& each : all) std::ranges::copy(each.get(), std::back_inserter(made));
  return made;
}

int run_spares(unsigned count, unsigned threads) {
  for (StartTier tier : {StartTier::parked, StartTier::rehearsed}) {
    std::string skip;
    auto bench = VmmBench::make(skip, tier);
    if (!bench) return fmt::print(stderr, "{}\n", skip), 1;
    for (unsigned round = 0; round < 4; round++) {
      const unsigned wanted = round == 0 ? threads : count;  // the first makes the template
      const double before = available_kib();
      const auto began = Clock::now();
      const std::vector<InstanceId> made = make_spares(*bench, wanted, threads);
      const double seconds = microseconds(Clock::now() - began) / 1e6;
      ::usleep(500'000);
      const double each = (before - available_kib()) / wanted;
      if (round > 0)
        fmt::print("{:10} {:6.0f} spares/s {:6.0f} KiB each   {} by {}\n", to_text(tier),
                   static_cast<double>(made.size()) / seconds, each, made.size(), threads);
      for (const InstanceId& id : made) (void)bench->driver().destroy(id);
      ::usleep(1'500'000);
    }
  }
  return 0;
}

int run(unsigned rounds) {
  std::map<StartTier, std::unique_ptr<VmmBench>> benches;
  std::map<StartTier, Figures> figures;
  for (StartTier tier :
       {StartTier::rehearsed, StartTier::parked, StartTier::fork, StartTier::cold}) {
    std::string skip;
    benches[tier] = VmmBench::make(skip, tier);
    if (!benches[tier]) return fmt::print(stderr, "{}\n", skip), 1;
    Figures warm;
    (void)round(*benches[tier], tier == StartTier::fork, warm);  // makes the template
  }
  for (unsigned i = 0; i < rounds; i++)
    for (auto& [tier, bench] : benches)
      if (!round(*bench, tier >= StartTier::parked, figures[tier]))
        fmt::print(stderr, "no answer of a {} machine\n", to_text(tier));
  fmt::print("{:10} {:>12} {:>12} {:>8}   median of {}\n", "", "start us", "RST us", "faults",
             rounds);
  for (const auto& [tier, all] : figures)
    fmt::print("{:10} {:12.0f} {:12.0f} {:8.0f}   min {:.0f}\n", to_text(tier), median(all.start),
               median(all.reset), median(all.faults),
               all.reset.empty() ? 0 : *std::ranges::min_element(all.reset));
  return 0;
}

}  // namespace
}  // namespace vireo

int main(int count, char** words) {
  const auto number = [&](int at, unsigned otherwise) {
    return count > at ? static_cast<unsigned>(std::atoi(words[at])) : otherwise;
  };
  if (count > 1 && std::string_view(words[1]) == "spares")
    return vireo::run_spares(number(2, 200), std::max(1u, number(3, 4)));
  return vireo::run(number(1, 40));
}
