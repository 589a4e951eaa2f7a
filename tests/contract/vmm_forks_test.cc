// SPDX-License-Identifier: Apache-2.0
// Machines of real functions: forks of one template share nothing that must be their own, and are
// silent before their start; pollers; a port that goes.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/text.h"
#include "contract/vmm_bench.h"
#include "host/process_stat.h"
#include "vnf/ip_header.h"
#include "vnf/responder.h"
#include "vnf/tcp/tcp_sink.h"

namespace vireo {
namespace {

constexpr uint16_t sink_port = 5001;
constexpr size_t tap_header = 10;

// $VIREO_FORKS where a machine in a machine would take minutes for all.
unsigned at_most(unsigned count) {
  const char* wanted = std::getenv("VIREO_FORKS");
  return wanted == nullptr
             ? count
             : std::min(count, static_cast<unsigned>(parse_number(wanted).value_or(count)));
}

struct Reply {
  std::string source_mac;
  uint32_t sequence = 0;
};

// What stands in for a tap: packets with a header of 10 bytes, both ways. Of SOCK_SEQPACKET it goes
// with our end, as a tap with its interface.
std::pair<Fd, Fd> make_link(int type = SOCK_DGRAM) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

template <class Config>
InstanceSpec endpoint(VmmBench& bench, unsigned number, unsigned round, const std::string& image,
                      const Config& config) {
  const std::string elf = read_file(VIREO_FUNCTIONS "/" + image + ".elf").value_or("");
  InstanceSpec spec = bench.spec_of(fmt::format("default/s/f.{}@{}", number, round), image, elf);
  spec.function->config.assign(reinterpret_cast<const char*>(&config), sizeof config);
  spec.ports.resize(1);
  PortSpec& port = spec.ports[0];
  port.mac = *parse_mac(fmt::format("02:00:00:01:{:02x}:{:02x}", number >> 8, number & 255));
  port.addresses = {*parse_prefix("10.1.0.10/24")};
  port.neighbours = {{*parse_ip("10.1.0.1"), *parse_mac("02:00:00:00:00:01")}};
  return spec;
}

InstanceSpec sink(VmmBench& bench, unsigned number, unsigned round = 1) {
  return endpoint(bench, number, round, "tcp-sink", vnf::TcpSink::Config{sink_port, 0, 0, 8, 4096});
}

// Answers each first segment alike.
InstanceSpec responder(VmmBench& bench, unsigned number) {
  return endpoint(bench, number, 1, "responder",
                  vnf::Responder::Config{static_cast<uint8_t>(vnf::Responder::Mode::accept), 0, 0});
}

// The first segment of a connection, always the same but for the MAC that it goes to.
std::string first_segment(const PortSpec& to) {
  uint8_t frame[tap_header + 60] = {};
  uint8_t* const ethernet = frame + tap_header;
  std::copy(to.mac.bytes.begin(), to.mac.bytes.end(), ethernet);
  std::copy_n(to.neighbours[0].mac.bytes.begin(), 6, ethernet + 6);
  vnf::store16(ethernet + 12, vnf::ether_ipv4);
  uint8_t* const ip = ethernet + vnf::ethernet_bytes;
  vnf::write_ip_header(ip, vnf::Network::ipv4, vnf::protocol_tcp, vnf::tcp_bytes,
                       to.neighbours[0].address.bytes.data(), to.addresses[0].address.bytes.data());
  const vnf::Tcp tcp{ip + vnf::ipv4_bytes};
  tcp.set_source(40000);
  tcp.set_destination(sink_port);
  tcp.set_sequence(1);
  tcp.set_header_length(vnf::tcp_bytes);
  tcp.set_flags(vnf::Tcp::syn);
  tcp.set_window(4096);
  const uint64_t sum = vnf::sum_bytes(vnf::Ipv4{ip}.source(), 8) + vnf::protocol_tcp +
                       vnf::tcp_bytes + vnf::sum_bytes(tcp.at, vnf::tcp_bytes);
  vnf::store16(tcp.at + 16, static_cast<uint16_t>(~vnf::fold(sum)));
  return {reinterpret_cast<char*>(frame), sizeof frame};
}

// The answer to it; what else the function says is passed over.
std::optional<Reply> answer(const Fd& link) {
  uint8_t frame[2048];
  for (pollfd wanted{link.get(), POLLIN, 0}; ::poll(&wanted, 1, 20'000) == 1;) {
    const ssize_t got = ::read(link.get(), frame, sizeof frame);
    if (got <= static_cast<ssize_t>(tap_header)) continue;
    vnf::Headers headers;
    const auto bytes = static_cast<uint32_t>(got) - uint32_t{tap_header};
    if (!vnf::parse(frame + tap_header, bytes, headers) || headers.transport != vnf::Transport::tcp)
      continue;
    if (headers.tcp().flags() != (vnf::Tcp::syn | vnf::Tcp::ack)) continue;
    return Reply{{reinterpret_cast<char*>(headers.ethernet().source()), 6},
                 headers.tcp().sequence()};
  }
  return std::nullopt;
}

bool ask_again(const Fd& link, const PortSpec& port) {
  const std::string segment = first_segment(port);
  return ::write(link.get(), segment.data(), segment.size()) ==
             static_cast<ssize_t>(segment.size()) &&
         answer(link).has_value();
}

// But for KVM's.
unsigned threads_of(int pid) {
  unsigned count = 0;
  for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid)))
    if (!read_process_stat(thread.path().string()).value_or(ProcessStat{}).kernels_own) count++;
  return count;
}

class Forks : public ::testing::Test {
 protected:
  void open(StartTier quickest) {
    std::string skip;
    bench_ = VmmBench::make(skip, quickest);
    if (!bench_) GTEST_SKIP() << skip;
  }
  // Started, asked, answered, and gone again. `loaded`: in a machine that was made ahead of it.
  std::optional<Reply> ask(unsigned number, bool loaded, std::string_view tier) {
    const InstanceSpec spec = sink(*bench_, number);
    Driver& driver = bench_->driver();
    auto [ours, theirs] = make_link();
    auto shell = driver.prepare({spec.technology, false});
    EXPECT_TRUE(shell);
    if (!shell) return std::nullopt;
    if (loaded) {
      EXPECT_TRUE(driver.preloader()->preload(shell->id, spec));
    }
    pollfd early{ours.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&early, 1, 0), 0) << "it spoke before its start";
    const std::string segment = first_segment(spec.ports[0]);
    EXPECT_EQ(::write(ours.get(), segment.data(), segment.size()),
              static_cast<ssize_t>(segment.size()));
    std::vector<PortEndpoint> ports(1);
    ports[0].fd = std::move(theirs);
    auto started = driver.start(shell->id, spec, std::move(ports), nullptr);
    EXPECT_TRUE(started) << started.error().message;
    EXPECT_EQ(driver.start_tier(spec.id), tier);
    auto reply = answer(ours);
    EXPECT_TRUE(driver.destroy(spec.id));
    return reply;
  }
  void start(const InstanceSpec& spec, Fd link) {
    Driver& driver = bench_->driver();
    auto shell = driver.prepare({spec.technology, false});
    ASSERT_TRUE(shell) << shell.error().message;
    auto loaded = driver.preloader()->preload(shell->id, spec);
    ASSERT_TRUE(loaded) << loaded.error().message;
    std::vector<PortEndpoint> ports(1);
    ports[0].fd = std::move(link);
    auto started = driver.start(shell->id, spec, std::move(ports), nullptr);
    ASSERT_TRUE(started) << started.error().message;
  }
  ExitReason end_of(const InstanceId& id) {
    for (int waited = 0; waited < 2000; waited++) {
      for (const DriverEvent& event : bench_->driver().take_events())
        if (event.id == id && event.kind == DriverEvent::Kind::exited) return event.exit;
      pollfd wanted{bench_->driver().event_fd(), POLLIN, 0};
      ::poll(&wanted, 1, 10);
    }
    ADD_FAILURE() << id << " did not end";
    return {};
  }
  // Until it is there, starts are cold.
  void make_template() {
    const InstanceSpec spec = sink(*bench_, 0);
    auto shell = bench_->driver().prepare({spec.technology, false});
    ASSERT_TRUE(shell);
    ASSERT_TRUE(bench_->vmm().preload(shell->id, spec));
    ASSERT_TRUE(bench_->driver().destroy(shell->id));
  }
  void expect_all_different(unsigned count, bool loaded, std::string_view tier) {
    std::set<uint32_t> sequences;
    std::set<std::string> macs;
    for (unsigned i = 1; i <= count; i++) {
      auto reply = ask(i, loaded, tier);
      ASSERT_TRUE(reply) << "no answer of " << i;
      sequences.insert(reply->sequence);
      macs.insert(reply->source_mac);
    }
    EXPECT_EQ(macs.size(), count);
    // Of 1,000 random ones two agree once in 8,600 runs: that two do is told from all doing so.
    EXPECT_GE(sequences.size(), count - 1);
  }
  std::unique_ptr<VmmBench> bench_;
};

TEST_F(Forks, have_their_own_sequence_numbers_and_addresses) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::fork));
  if (!bench_) return;
  ASSERT_NO_FATAL_FAILURE(make_template());
  expect_all_different(at_most(1000), false, "fork");
}

// They were asked and answered before, with the same made-up identity each.
TEST_F(Forks, so_have_machines_that_rehearsed) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::rehearsed));
  if (!bench_) return;
  expect_all_different(at_most(100), true, "rehearsed");
}

// Longer than its ticks, which it spends outside its loop, and after a rest.
TEST_F(Forks, a_machine_that_polls_answers_like_others_with_one_thread_more) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::rehearsed));
  if (!bench_) return;
  for (const bool polls : {false, true}) {
    if (polls) bench_->let_poll();
    const InstanceSpec spec = responder(*bench_, polls ? 2 : 1);
    auto [ours, theirs] = make_link();
    ASSERT_NO_FATAL_FAILURE(start(spec, std::move(theirs)));
    ASSERT_TRUE(ask_again(ours, spec.ports[0]));
    const int pid = bench_->vmm().pid(spec.id).value_or(0);
    EXPECT_EQ(threads_of(pid), polls ? 2U : 1U);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
    while (std::chrono::steady_clock::now() < end) ASSERT_TRUE(ask_again(ours, spec.ports[0]));
    Pauser& pauser = *bench_->driver().pauser();
    ASSERT_TRUE(pauser.pause(spec.id));
    const std::string segment = first_segment(spec.ports[0]);
    ASSERT_GT(::write(ours.get(), segment.data(), segment.size()), 0);
    pollfd silent{ours.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&silent, 1, 50), 0) << "paused, it spoke";
    ASSERT_TRUE(pauser.resume(spec.id));
    EXPECT_TRUE(answer(ours));
    ::usleep(1'500'000);  // longer than it polls
    EXPECT_TRUE(ask_again(ours, spec.ports[0]));
    EXPECT_TRUE(bench_->driver().destroy(spec.id));
  }
}

TEST_F(Forks, a_machine_whose_port_is_gone_ends_and_says_so) {
  ASSERT_NO_FATAL_FAILURE(open(StartTier::rehearsed));
  if (!bench_) return;
  for (const bool polls : {false, true}) {
    SCOPED_TRACE(polls ? "polling" : "sleeping");
    if (polls) bench_->let_poll();
    const InstanceSpec spec = responder(*bench_, polls ? 2 : 1);
    auto [ours, theirs] = make_link(SOCK_SEQPACKET);
    ASSERT_NO_FATAL_FAILURE(start(spec, std::move(theirs)));
    ASSERT_TRUE(ask_again(ours, spec.ports[0]));
    ours = Fd();
    const ExitReason end = end_of(spec.id);
    EXPECT_EQ(end.kind, ExitKind::code);
    EXPECT_EQ(end.value, 1);
    const Fd page = *bench_->driver().functions()->vitals(spec.id);
    vnf::Vitals vitals{};
    ASSERT_EQ(::pread(page.get(), &vitals, sizeof vitals, 0), ssize_t{sizeof vitals});
    EXPECT_STREQ(vitals.reason, "port 0 is gone: somebody removed its tap");
    EXPECT_TRUE(bench_->driver().destroy(spec.id));
  }
}

}  // namespace
}  // namespace vireo
