// SPDX-License-Identifier: Apache-2.0
#include "bench/bench_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "bench/report/published.h"

namespace vireo::bench {
namespace {

const std::vector<std::string> bench_metrics{"instantiation", "throughput", "round_trip",
                                             "image_size",    "memory_use", "heal"};
const std::vector<std::string> bench_peers{"docker", "runc", "bare_veth"};
constexpr uint64_t most_runs = 100'000;

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

Result<void> set_runs(BenchOptions& options, const std::string& value) {
  uint64_t runs = TRY_IN("--runs", parse_number(value));
  if (runs == 0 || runs > most_runs) return Error{Errc::invalid, "--runs takes 1 to 100000"};
  options.runs = static_cast<unsigned>(runs);
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
  if (name == "--technology") {
    if (!contains(published_technologies(), value))
      return unknown("technology", value, published_technologies());
    options.technologies.push_back(value);
    return {};
  }
  if (name == "--peers") return set_peers(options, value);
  if (name == "--runs") return set_runs(options, value);
  if (name == "--output") return set_output(options, value);
  return unknown("option", name,
                 {"--technology", "--image", "--runs", "--quick", "--peers", "--peer-dir",
                  "--dockerd", "--report", "--check", "--output", "--help"});
}

Result<void> add_metric(BenchOptions& options, const std::string& word) {
  if (!contains(bench_metrics, word)) return unknown("measurement", word, bench_metrics);
  options.metrics.push_back(word);
  return {};
}

}  // namespace

bool BenchOptions::wants(const std::string& metric) const { return contains(metrics, metric); }
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

  --technology T     only this one; may be repeated          (all that this host can run)
  --image ARCHIVE    root archive with /listener to start    (the bench's own listener)
  --runs N           samples of each                         (its own number for each)
  --quick            few samples
  --peers LIST       of docker,runc,bare_veth; or none       (all)
  --peer-dir DIR     where tools/fetch-peers unpacked them   (beside the programs)
  --dockerd PATH     this dockerd
  --report FILE      also writes one HTML page
  --check            judges the goals; exit code 1 when one is missed
  --output FORM      table, json, yaml                       (table)
)";
}

}  // namespace vireo::bench
