// SPDX-License-Identifier: Apache-2.0
// Measures the fabrics of the kernel's interfaces in namespaces of their own: what the calls cost,
// and TCP (Debian's iperf 2, cubic, one stream) through a bare veth pair, each fabric, and each
// fabric with a function that only copies frames, for both kinds of descriptor. Rounds are
// interleaved.
//   fabric_bench calls [N] | fabric_bench growth [N] | fabric_bench tcp [ROUNDS [TAP_QUEUE]]
//   fabric_bench one WAY ROUNDS   for a profiler: "bare", "ebpf", "ebpf, packet", ...
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <thread>

#include "base/text.h"
#include "fabric/bridge/bridge_fabric.h"
#include "fabric/ebpf/ebpf_fabric.h"
#include "host/files.h"
#include "host/namespace.h"

namespace vireo {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().message);
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

enum class Kind { bridge, ebpf };

struct Place {
  explicit Place(Kind kind) {
    FabricPlace place{must(inside.duplicate()), must(ends.duplicate()), must(host.duplicate()),
                      directory.path()};
    if (kind == Kind::bridge)
      fabric = must(BridgeFabric::open(std::move(place)));
    else
      fabric = must(EbpfFabric::open(std::move(place)));
  }
  TemporaryDirectory directory = must(TemporaryDirectory::make("fabric-bench"));
  Fd inside = must(new_network_namespace());
  Fd ends = must(new_network_namespace());
  Fd host = must(new_network_namespace());
  std::unique_ptr<Fabric> fabric;
};

std::string spread(std::vector<double> values) {
  std::ranges::sort(values);
  const auto at = [&](double part) {
    return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
  };
  return fmt::format("median {:8.1f}  p90 {:8.1f}  min {:8.1f}  max {:8.1f}  n {}", at(0.5),
                     at(0.9), values.front(), values.back(), values.size());
}

template <class Call>
double timed(Call call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return Microseconds(std::chrono::steady_clock::now() - begin).count();
}

PortSpec spec_of(PortKind kind, int number, const LinkId& link) {
  PortSpec spec;
  spec.id = fmt::format("default/bench/f{}.1@1:port0", number);
  spec.link = link;
  spec.kind = kind;
  spec.name = "port0";
  spec.mac = {{2, 0, 0, 0, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)}};
  return spec;
}

void measure_calls(Kind fabric, PortKind kind, const std::string& name, int count) {
  Place place(fabric);
  must(place.fabric->ensure_link({.id = "lan"}));
  std::vector<double> prepare, bind, open, unplug;
  std::vector<Fd> instances;
  std::vector<PortEndpoint> endpoints;
  std::vector<PortId> ids;
  for (int i = 1; i <= count; ++i) {
    PortSpec spec = spec_of(kind, i, "lan");
    if (kind == PortKind::veth) {
      instances.push_back(must(new_network_namespace()));
      spec.addresses = {must(parse_prefix(fmt::format("10.9.{}.{}/16", i / 250, i % 250 + 1)))};
      for (uint8_t n = 0; n < 4; ++n)
        spec.neighbours.push_back(
            {must(parse_ip(fmt::format("10.9.9.{}", n + 1))), {{2, 1, 1, 1, 1, n}}});
    }
    PortId spare;
    prepare.push_back(timed([&] {
      spare = must(place.fabric->prepare(kind, instances.empty() ? nullptr : &instances.back()));
    }));
    bind.push_back(timed([&] { endpoints.push_back(must(place.fabric->bind(spare, spec))); }));
    open.push_back(timed([&] { must(place.fabric->set_state(spec.id, GateState::open)); }));
    ids.push_back(spec.id);
  }
  for (const PortId& id : ids) unplug.push_back(timed([&] { must(place.fabric->unplug(id)); }));
  endpoints.clear();
  must(place.fabric->remove_link("lan"));
  const double gone = timed([&] { place.fabric.reset(); });
  fmt::print(
      "{} prepare us  {}\n{} bind us     {}\n{} open us     {}\n{} unplug us   {}\n{} gone after  "
      "{:.1f} ms\n",
      name, spread(prepare), name, spread(bind), name, spread(open), name, spread(unplug), name,
      gone / 1e3);
}

// A port of one link more, with so many there: all that a start and its refill ask of the fabric.
void measure_growth(Kind fabric, const std::string& name, int count) {
  Place place(fabric);
  must(place.fabric->ensure_link({.id = "lan"}));
  std::vector<PortEndpoint> endpoints;
  std::vector<double> prepare, plug;
  for (int i = 1; i <= count; ++i) {
    const PortSpec spec = spec_of(PortKind::tap, i, "lan");
    PortId spare;
    prepare.push_back(timed([&] { spare = must(place.fabric->prepare(PortKind::tap, nullptr)); }));
    plug.push_back(timed([&] {
      endpoints.push_back(must(place.fabric->bind(spare, spec)));
      must(place.fabric->set_state(spec.id, GateState::open));
    }));
  }
  const auto around = [](const std::vector<double>& all, size_t end) {
    std::vector<double> part(all.begin() + static_cast<long>(end - 100),
                             all.begin() + static_cast<long>(end));
    std::ranges::nth_element(part, part.begin() + 50);
    return part[50];
  };
  const auto print = [&](const char* what, const std::vector<double>& all) {
    const double first = around(all, 100), last = around(all, all.size());
    fmt::print("{} {}: median us of ports 1 to 100 {:.1f}, of the last 100 of {} {:.1f}: {:.2f}\n",
               name, what, first, count, last, last / first);
  };
  print("prepare", prepare);
  print("plug   ", plug);
  std::ranges::transform(prepare, plug, prepare.begin(), std::plus<>());
  print("attach ", prepare);
  for (int i = 1; i <= count; ++i) must(place.fabric->unplug(spec_of(PortKind::tap, i, "lan").id));
}

// ---- traffic

pid_t run_in(const Fd& network_namespace, const std::vector<std::string>& words, int output) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::setns(network_namespace.get(), CLONE_NEWNET);
  ::dup2(output, 1);
  ::dup2(output, 2);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

// Whether something listens on iperf's port, as /proc/net/tcp shows it: 5001 is 0x1389, LISTEN 0A.
bool listens(const Fd& network_namespace) {
  const NamespaceScope scope = must(NamespaceScope::enter(network_namespace));
  const std::string table = must(read_file("/proc/thread-self/net/tcp"));
  return table.find(":1389 00000000:0000 0A") != std::string::npos;
}

// Gbit/s of one TCP stream; ends the bench when it failed, as a 0 would pass for a figure.
double iperf(const Fd& client, const Fd& server, const std::string& address) {
  const Fd nothing = must(open_path("/dev/null", O_WRONLY));
  const pid_t listening = run_in(server, {"iperf", "-s", "-Z", "cubic"}, nothing.get());
  for (int i = 0; i < 5000 && !listens(server); ++i) ::poll(nullptr, 0, 1);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return 0;
  Fd read_end(ends[0]), write_end(ends[1]);
  const pid_t sending =
      run_in(client, {"iperf", "-c", address, "-t", "2", "-l", "128K", "-Z", "cubic", "-y", "C"},
             write_end.get());
  write_end = Fd();
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t size = 0; (size = ::read(read_end.get(), buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<size_t>(size));
  ::waitpid(sending, nullptr, 0);
  ::kill(listening, SIGKILL);
  ::waitpid(listening, nullptr, 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto words = split(text, ',');
  const auto bits = parse_number(words.back());
  if (!bits) {
    fmt::print(stderr, "iperf failed: {}\n", text);
    std::exit(1);
  }
  return static_cast<double>(*bits) / 1e9;
}

// A function that copies every frame to its other port.
class Copier {
 public:
  Copier(Fd a, Fd b, bool batches)
      : a_(std::move(a)), b_(std::move(b)), thread_([this, batches] { run(batches); }) {}
  ~Copier() {
    const uint64_t one = 1;
    if (::write(stop_.get(), &one, sizeof one) < 0) std::abort();
    thread_.join();
  }

 private:
  static constexpr size_t batch = 32, room = 1 << 17;
  void run(bool batches) {
    std::vector<char> memory(batch * room);
    pollfd ready[] = {{a_.get(), POLLIN, 0}, {b_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while ((ready[2].revents & POLLIN) == 0) {
      const bool forth = batches ? many(a_, b_, memory) : single(a_, b_, memory);
      const bool back = batches ? many(b_, a_, memory) : single(b_, a_, memory);
      ::poll(ready, 3, forth || back ? 0 : -1);
    }
  }
  static bool single(const Fd& from, const Fd& to, std::vector<char>& memory) {
    bool any = false;
    for (size_t i = 0; i < batch; ++i) {
      const ssize_t size = ::read(from.get(), memory.data(), room);
      if (size <= 0) break;
      any = true;
      if (::write(to.get(), memory.data(), static_cast<size_t>(size)) < 0) continue;
    }
    return any;
  }
  static bool many(const Fd& from, const Fd& to, std::vector<char>& memory) {
    mmsghdr messages[batch]{};
    iovec pieces[batch];
    for (size_t i = 0; i < batch; ++i) {
      pieces[i] = {memory.data() + i * room, room};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int got = ::recvmmsg(from.get(), messages, batch, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < got; ++i) pieces[i].iov_len = messages[i].msg_len;
    for (int sent = 0; sent < got;) {
      const int now = ::sendmmsg(to.get(), messages + sent, static_cast<unsigned>(got - sent), 0);
      sent += now > 0 ? now : 1;
    }
    return got > 0;
  }

  Fd a_, b_;
  Fd stop_{::eventfd(0, EFD_CLOEXEC)};
  std::thread thread_;
};

double bare() {
  const Fd a = must(new_network_namespace()), b = must(new_network_namespace());
  Netlink one = must(Netlink::open(&a)), two = must(Netlink::open(&b));
  NetlinkBatch pair, left, right;
  must(one.commit(pair.add_veth({.index = 9, .name = "e"},
                                {.index = 9, .name = "e", .network_namespace = &b}, 1500)));
  left.change_link({.index = 9, .up = true}).add_address(9, must(parse_prefix("10.7.0.1/24")));
  right.change_link({.index = 9, .up = true}).add_address(9, must(parse_prefix("10.7.0.2/24")));
  must(one.commit(left));
  must(two.commit(right));
  must(one.wait_operational(9, std::chrono::seconds(2)));
  return iperf(a, b, "10.7.0.2");
}

struct Ends {
  Fd client = must(new_network_namespace());
  Fd server = must(new_network_namespace());
};

void plug_ends(Place& place, const Ends& ends, const LinkId& near, const LinkId& far) {
  PortSpec one = spec_of(PortKind::veth, 1, near), two = spec_of(PortKind::veth, 2, far);
  one.addresses = {must(parse_prefix("10.7.0.1/24"))};
  two.addresses = {must(parse_prefix("10.7.0.2/24"))};
  one.neighbours = {{two.addresses[0].address, two.mac}};
  two.neighbours = {{one.addresses[0].address, one.mac}};
  for (const auto& [spec, instance] :
       {std::pair(&one, &ends.client), std::pair(&two, &ends.server)}) {
    must(place.fabric->bind(must(place.fabric->prepare(PortKind::veth, instance)), *spec));
    must(place.fabric->set_state(spec->id, GateState::open));
  }
}

double through_fabric(Kind fabric) {
  Place place(fabric);
  const Ends ends;
  must(place.fabric->ensure_link({.id = "lan"}));
  plug_ends(place, ends, "lan", "lan");
  return iperf(ends.client, ends.server, "10.7.0.2");
}

double through_function(Kind fabric, PortKind kind, unsigned tap_queue) {
  Place place(fabric);
  const Ends ends;
  must(place.fabric->ensure_link({.id = "near"}));
  must(place.fabric->ensure_link({.id = "far"}));
  plug_ends(place, ends, "near", "far");
  std::vector<Fd> ports;
  for (const int side : {3, 4}) {
    PortSpec spec = spec_of(kind, side, side == 3 ? "near" : "far");
    const uint8_t other = side == 3 ? 2 : 1;
    spec.behind = {{must(parse_ip(fmt::format("10.7.0.{}", other))), {{2, 0, 0, 0, 0, other}}}};
    ports.push_back(must(place.fabric->bind(must(place.fabric->prepare(kind, nullptr)), spec)).fd);
    must(place.fabric->set_state(spec.id, GateState::open));
  }
  if (tap_queue != 0) {
    Netlink inside = must(Netlink::open(&place.inside));
    NetlinkBatch batch;
    for (const LinkRow& row : must(inside.links()))
      if (row.kind == "tun") batch.change_link({.index = row.index, .queue_length = tap_queue});
    must(inside.commit(batch));
  }
  const Copier copier(std::move(ports[0]), std::move(ports[1]), kind == PortKind::packet);
  return iperf(ends.client, ends.server, "10.7.0.2");
}

struct Way {
  const char* name;
  std::function<double()> run;
};

std::vector<Way> all_ways(unsigned tap_queue) {
  std::vector<Way> ways = {{"bare Gbit/s", bare}};
  for (const Kind fabric : {Kind::bridge, Kind::ebpf}) {
    const bool bridge = fabric == Kind::bridge;
    ways.push_back({bridge ? "bridge" : "ebpf", [=] { return through_fabric(fabric); }});
    ways.push_back({bridge ? "bridge, tap" : "ebpf, tap",
                    [=] { return through_function(fabric, PortKind::tap, tap_queue); }});
    ways.push_back({bridge ? "bridge, packet" : "ebpf, packet",
                    [=] { return through_function(fabric, PortKind::packet, 0); }});
  }
  return ways;
}

void measure_tcp(int rounds, unsigned tap_queue) {
  const std::vector<Way> ways = all_ways(tap_queue);
  std::vector<std::vector<double>> columns(ways.size());
  for (int i = 0; i < rounds; ++i) {
    const double base = ways[0].run();
    columns[0].push_back(base);
    for (size_t k = 1; k < ways.size(); ++k) columns[k].push_back(ways[k].run() / base);
    for (size_t k = 0; k < ways.size(); ++k)
      fmt::print("{} {:.2f}{}", ways[k].name, columns[k].back(), k + 1 < ways.size() ? "  " : "\n");
  }
  for (size_t k = 0; k < columns.size(); ++k) {
    std::ranges::sort(columns[k]);
    fmt::print("{:14} median {:.2f}  min {:.2f}  max {:.2f}\n", ways[k].name,
               columns[k][columns[k].size() / 2], columns[k].front(), columns[k].back());
  }
}

}  // namespace
}  // namespace vireo

int main(int count, char** words) {
  const std::string what = count > 1 ? words[1] : "";
  const auto number = [&](int at, unsigned fallback) {
    return count > at ? static_cast<unsigned>(vireo::parse_number(words[at]).value_or(fallback))
                      : fallback;
  };
  if (what == "calls") {
    const int n = static_cast<int>(number(2, 200));
    for (const auto fabric : {vireo::Kind::bridge, vireo::Kind::ebpf}) {
      const std::string name = fabric == vireo::Kind::bridge ? "bridge" : "ebpf  ";
      vireo::measure_calls(fabric, vireo::PortKind::tap, name + " tap   ", n);
      vireo::measure_calls(fabric, vireo::PortKind::packet, name + " packet", n);
      vireo::measure_calls(fabric, vireo::PortKind::veth, name + " veth  ", n);
    }
    return 0;
  }
  if (what == "growth") {
    vireo::measure_growth(vireo::Kind::ebpf, "ebpf tap",
                          std::max(200, static_cast<int>(number(2, 3000))));
    return 0;
  }
  if (what == "one" && count > 2) {
    for (const vireo::Way& way : vireo::all_ways(0))
      for (unsigned i = 0; way.name == std::string(words[2]) && i < number(3, 1); ++i)
        fmt::print("{:.1f}\n", way.run());
    return 0;
  }
  if (what == "tcp") {
    vireo::measure_tcp(static_cast<int>(number(2, 3)), number(3, 0));
    return 0;
  }
  fmt::print(
      stderr,
      "fabric_bench calls [N] | fabric_bench growth [N] | fabric_bench tcp [ROUNDS [TAP_QUEUE]]\n");
  return 2;
}
