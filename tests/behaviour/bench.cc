// SPDX-License-Identifier: Apache-2.0
#include "behaviour/bench.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "behaviour/describe.h"
#include "host/namespace.h"
#include "host/netlink.h"
#include "vnf/posix/lab_test_support.h"

namespace vireo::behaviour {
namespace {

using namespace std::chrono_literals;
using namespace vnf;

constexpr std::string_view probe_mark = "vireo-probe-";

Bytes probe_payload(uint32_t number) {
  const std::string text = fmt::format("{}{:08x}", probe_mark, number);
  return Bytes(text.begin(), text.end());
}

bool contains(const Bytes& frame, const Bytes& what) {
  return std::search(frame.begin(), frame.end(), what.begin(), what.end()) != frame.end();
}
bool is_probe(const Bytes& frame) {
  return contains(frame, Bytes(probe_mark.begin(), probe_mark.end()));
}

// One more hop is on the way through a reference that routes where the function is transparent.
void add_hop(Bytes& frame) {
  Headers h;
  if (!parse(frame.data(), static_cast<uint32_t>(frame.size()), h) || !h.ip()) return;
  if (h.network == Network::ipv6) {
    h.ipv6().at[7]++;
    return;
  }
  const uint16_t from = load16(h.ipv4().at + 8);
  h.ipv4().at[8]++;
  h.ipv4().set_checksum(updated_checksum(h.ipv4().checksum(), from, load16(h.ipv4().at + 8)));
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& each : texts)
    list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", each);
  return list;
}

// ICMP errors in the least time, no redirects (they are advice, RFC 1812 5.2.7.2 permits to omit
// them), all that is needed to be a router.
constexpr const char* reference_settings = R"(set -e
cd /proc/sys/net
for each in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > $each; done
for each in ipv6/conf/all/disable_ipv6 ipv6/conf/default/disable_ipv6 ipv4/icmp_ratemask ipv6/icmp/ratelimit ipv4/conf/all/rp_filter ipv4/conf/default/rp_filter \
  ipv4/conf/all/send_redirects ipv4/conf/default/send_redirects; do echo 0 > $each; done
export PATH="$PATH:/usr/sbin:/sbin"
)";

}  // namespace

Result<std::unique_ptr<Bench>> Bench::start(const std::string& technology, const Setup& setup) {
  static unsigned serial = 0;
  Hosts hosts = TRY(Hosts::make(static_cast<unsigned>(setup.ports.size()), ++serial));
  std::unique_ptr<Bench> bench(new Bench(setup, std::move(hosts)));
  if (technology == reference)
    TRY(bench->start_reference());
  else
    TRY(bench->start_service(technology, serial));
  if (bench->routed()) bench->hosts_.answer_for_neighbours();
  TRY(bench->settle());
  return bench;
}

Bench::~Bench() {
  if (!service_.empty()) (void)platform()->vireo({"rm", service_});
}

Result<void> Bench::start_service(const std::string& technology, unsigned serial) {
  std::string ports, links;
  for (unsigned p = 0; p < setup_.ports.size(); p++) {
    const SetupPort& port = setup_.ports[p];
    links += fmt::format("  p{}: {{ uplink: {}", p, hosts_.near(p));
    ports += fmt::format("{}{{ link: p{}", p == 0 ? "" : ", ", p);
    if (!setup_.transparent) {
      links += fmt::format(", subnet: [{}]", quoted_list(port.subnets));
      ports += fmt::format(", address: [{}], mac: \"{}\"", quoted_list(port.addresses),
                           to_string(mac_of_function(p)));
    }
    links += " }\n";
    ports += " }";
  }
  service_ = fmt::format("behaviour{}", serial);
  return platform()->run(fmt::format(
      "vireo: 1\nservice: {}\nfunctions:\n  f:\n    image: vireo/{}\n    technology: {}\n"
      "    resources: {{ memory: 48MiB }}\n    config: {}\n    ports: [{}]\nlinks:\n{}",
      service_, setup_.image, technology, setup_.config, ports, links));
}

Result<void> Bench::start_reference() {
  reference_ = TRY(new_network_namespace());
  Netlink here = TRY(Netlink::open());
  std::string script = reference_settings;
  script += "ip link set lo up\n";
  for (unsigned p = 0; p < setup_.ports.size(); p++) {
    TRY(here.commit(NetlinkBatch().change_link({.name = hosts_.near(p), .move_to = &reference_})));
    const std::string name = hosts_.near(p);
    script += fmt::format("export P{}={}\n", p, name);
    script += fmt::format("ip link set {0} address {1} up\n", name, to_string(mac_of_function(p)));
    for (size_t i = 0; i < setup_.ports[p].addresses.size(); i++) {
      const std::string& subnet = setup_.ports[p].subnets[i];
      script += fmt::format("ip addr add {}{} dev {} nodad\n", setup_.ports[p].addresses[i],
                            subnet.substr(subnet.find('/')), name);
    }
    for (const std::string& host : setup_.ports[p].hosts)
      script += fmt::format("ip neigh replace {} lladdr {} dev {}\n", host,
                            to_string(mac_of_host(p)), name);
  }
  TRY_IN("setting up the reference", run_in(reference_, script + setup_.linux));
  return {};
}

void Bench::address(unsigned port, Bytes& frame) const {
  const MacAddress from = mac_of_host(port);
  const MacAddress to = routed() ? mac_of_function(port) : mac_of_host(port ^ 1);
  if ((frame[0] & 1) == 0) std::memcpy(frame.data(), to.bytes.data(), 6);
  std::memcpy(frame.data() + 6, from.bytes.data(), 6);
  Headers h;
  if (parse(frame.data(), static_cast<uint32_t>(frame.size()), h) && h.network == Network::arp)
    std::memcpy(h.arp().sender_mac(), from.bytes.data(), 6);
}

Result<void> Bench::probe(const Probe& probe, std::chrono::milliseconds patience,
                          std::vector<Arrival>& arrivals, bool& passed) {
  Build frame = probe.frame;
  frame.payload = probe_payload(++probes_sent_);
  Bytes bytes = frame.frame();
  address(probe.port, bytes);
  TRY(hosts_.send(probe.port, bytes));
  const auto end = std::chrono::steady_clock::now() + patience;
  passed = false;
  while (!passed && std::chrono::steady_clock::now() < end)
    for (Arrival& each : TRY(hosts_.receive(20ms))) {
      if (contains(each.frame, frame.payload)) passed = true;
      if (!is_probe(each.frame)) arrivals.push_back(std::move(each));
    }
  return {};
}

// Until the function runs and knows its neighbours.
Result<void> Bench::settle() {
  const auto end = std::chrono::steady_clock::now() + 15s;
  std::vector<Arrival> unwanted;
  for (const Probe& each : setup_.probes)
    for (bool passed = false; !passed;) {
      TRY(probe(each, 50ms, unwanted, passed));
      if (std::chrono::steady_clock::now() > end)
        return Error{Errc::timed_out, fmt::format("no probe passes the {}: {}", setup_.image,
                                                  describe(each.frame.frame(), false))};
    }
  return {};
}

// Into the same port, as it cannot overtake there; into another one the function may meet it first
// when there are more frames than it takes in a turn.
const Probe& Bench::probe_behind(unsigned port) const {
  const auto same = std::ranges::find(setup_.probes, port, &Probe::port);
  return same == setup_.probes.end() ? setup_.probes.front() : *same;
}

Result<std::vector<Arrival>> Bench::send_all(unsigned port, const std::vector<Bytes>& frames) {
  for (const Bytes& frame : frames) TRY(hosts_.send(port, frame));
  std::vector<Arrival> arrivals;
  for (int round = 0; round < 2; round++) {
    bool passed = false;
    TRY(probe(probe_behind(port), 10s, arrivals, passed));
    if (!passed) return Error{Errc::timed_out, "a probe behind the frames was lost"};
  }
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.port < b.port; });
  return arrivals;
}

// Ethernet addresses other than those of the two ends of the link.
std::string Bench::stranger(const Arrival& arrival) const {
  const MacAddress from = routed() ? mac_of_function(arrival.port) : mac_of_host(arrival.port ^ 1);
  const MacAddress to = mac_of_host(arrival.port);
  std::string text;
  if ((arrival.frame[0] & 1) == 0 && std::memcmp(arrival.frame.data(), to.bytes.data(), 6) != 0)
    text += " TO A STRANGER";
  if (std::memcmp(arrival.frame.data() + 6, from.bytes.data(), 6) != 0) text += " FROM A STRANGER";
  return text;
}

// Made by the function: with an address of its own, and not a hop away from who sent it.
bool Bench::made_by_function(const Bytes& frame) const {
  const std::string source = source_of(frame);
  for (const SetupPort& port : setup_.ports)
    if (std::count(port.addresses.begin(), port.addresses.end(), source) > 0)
      return describe(frame, true).find(" ttl 64") != std::string::npos;
  return false;
}

std::string Bench::text_of(const Arrival& arrival) const {
  return fmt::format("{}: {}{}\n", "abcdefgh"[arrival.port],
                     describe(arrival.frame, made_by_function(arrival.frame)), stranger(arrival));
}

std::string Bench::send(unsigned port, std::vector<Bytes> frames) {
  for (Bytes& frame : frames) {
    address(port, frame);
    if (setup_.transparent && routed()) add_hop(frame);
  }
  return send_raw(port, frames);
}

std::string Bench::send_raw(unsigned port, const std::vector<Bytes>& frames) {
  auto arrivals = send_all(port, frames);
  if (!arrivals) return arrivals.error().message;
  std::string all;
  for (const Arrival& each : *arrivals) all += text_of(each);
  return all;
}

}  // namespace vireo::behaviour
