// SPDX-License-Identifier: Apache-2.0
#include "bench/bench_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "model/technology.h"

namespace vireo::bench {
namespace {

const std::vector<std::string> bench_metrics{"instantiation", "throughput", "round_trip",
                                             "image_size",    "memory_use", "heal"};
// These take a host to its limits, and are measured only when they are named.
const std::vector<std::string> limit_metrics{"density", "chain", "sessions", "churn", "refill"};
const std::vector<std::string> bench_peers{"docker", "runc", "qemu_microvm", "bare_veth"};
constexpr uint64_t most_runs = 100'000, most_count = 1'000'000, most_hops = 64;

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

Error unknown(const std::string& kind, const std::string& word, std::vector<std::string> known) {
  std::string near = nearest(word, known);
  return Error{Errc::invalid, fmt::format("unknown {} `{}`{}", kind, word,
                                          near.empty() ? "" : "; did you mean `" + near + "`?")};
}

// "" for an option of one word.
Result<void> set_flag(BenchOptions& options, const std::string& name) {
  if (name == "--quick") options.quick = true;
  if (name == "--check") options.check = true;
  if (name == "--help") options.help = true;
  return {};
}

Result<void> set_peers(BenchOptions& options, const std::string& value) {
  options.peers.clear();
  if (value == "none") return {};
  for (std::string_view part : split(value, ',')) {
    std::string peer(part);
    if (!contains(bench_peers, peer)) return unknown("peer", peer, bench_peers);
    options.peers.push_back(peer);
  }
  return {};
}

// `technology` or `technology,technology,...`
Result<void> add_technologies(BenchOptions& options, const std::string& value) {
  std::vector<std::string> known;
  for (const Technology& technology : technologies) known.emplace_back(technology.name);
  for (std::string_view part : split(value, ',')) {
    std::string name(part);
    if (!contains(known, name)) return unknown("technology", name, known);
    options.technologies.push_back(name);
  }
  return {};
}

Result<void> set_number(unsigned& number, const std::string& name, const std::string& value,
                        uint64_t most) {
  uint64_t found = TRY_IN(name, parse_number(value));
  if (found == 0 || found > most)
    return Error{Errc::invalid, fmt::format("{} takes 1 to {}", name, most)};
  number = static_cast<unsigned>(found);
  return {};
}

Result<void> set_output(BenchOptions& options, const std::string& value) {
  if (value != "table" && value != "json" && value != "yaml")
    return Error{Errc::invalid, "--output takes table, json or yaml"};
  options.output = value;
  return {};
}

Result<void> set_value(BenchOptions& options, const std::string& name, const std::string& value) {
  std::map<std::string, std::string*> texts{{"--image", &options.image},
                                            {"--peer-dir", &options.peer_directory},
                                            {"--dockerd", &options.dockerd},
                                            {"--report", &options.report}};
  if (auto text = texts.find(name); text != texts.end()) {
    *text->second = value;
    return {};
  }
  if (name == "--technology") return add_technologies(options, value);
  if (name == "--peers") return set_peers(options, value);
  if (name == "--runs") return set_number(options.runs, name, value, most_runs);
  if (name == "--count") return set_number(options.count, name, value, most_count);
  if (name == "--length") return set_number(options.length, name, value, most_hops);
  if (name == "--output") return set_output(options, value);
  return unknown("option", name,
                 {"--technology", "--count", "--length", "--image", "--runs", "--quick", "--peers",
                  "--peer-dir", "--dockerd", "--report", "--check", "--output", "--help"});
}

Result<void> add_metric(BenchOptions& options, const std::string& word) {
  std::vector<std::string> known = bench_metrics;
  known.insert(known.end(), limit_metrics.begin(), limit_metrics.end());
  if (!contains(known, word)) return unknown("measurement", word, known);
  options.metrics.push_back(word);
  return {};
}

}  // namespace

bool BenchOptions::wants(const std::string& metric) const { return contains(metrics, metric); }
bool is_limit_metric(const std::string& metric) { return contains(limit_metrics, metric); }
bool BenchOptions::wants_peer(const std::string& peer) const { return contains(peers, peer); }

bool BenchOptions::wants_technology(const std::string& technology) const {
  return technologies.empty() || contains(technologies, technology);
}

Result<BenchOptions> parse_bench_options(const std::vector<std::string>& arguments) {
  BenchOptions options;
  options.peers = bench_peers;
  for (size_t i = 0; i < arguments.size(); i++) {
    const std::string& word = arguments[i];
    if (!word.starts_with("-")) {
      TRY(add_metric(options, word));
      continue;
    }
    if (word == "--quick" || word == "--check" || word == "--help") {
      TRY(set_flag(options, word));
      continue;
    }
    std::string name = word.substr(0, word.find('='));
    bool inside = name.size() < word.size();
    if (!inside && i + 1 == arguments.size())
      return Error{Errc::invalid, fmt::format("`{}` lacks its value", name)};
    TRY(set_value(options, name, inside ? word.substr(name.size() + 1) : arguments[++i]));
  }
  if (options.metrics.empty()) options.metrics = bench_metrics;
  return options;
}

std::string bench_usage() {
  return R"(usage: vireo bench [MEASUREMENT...] [OPTIONS]
  measurements: instantiation throughput round_trip image_size memory_use heal   (all)
  by their names only: density chain sessions churn refill   (how far this host goes)

  --technology T,... only these; may be repeated             (all that this host can run)
                     chain: of its hops, in turn
  --count N          density: instances (200); sessions: flows that are tried (80000)
  --length N         chain: functions in a row               (3)
  --image ARCHIVE    root archive with /listener to start    (the bench's own listener)
  --runs N           samples of each                         (its own number for each)
  --quick            few samples
  --peers LIST       of docker, runc, qemu_microvm, bare_veth; or none   (all)
  --peer-dir DIR     where tools/fetch-peers unpacked them   (beside the programs)
  --dockerd PATH     this dockerd
  --report FILE      also writes one HTML page
  --check            judges the goals; exit code 1 when one is missed
  --output FORM      table, json, yaml                       (table)
)";
}

}  // namespace vireo::bench
