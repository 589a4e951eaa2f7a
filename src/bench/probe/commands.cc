// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/commands.h"

#include <fmt/format.h>

#include <chrono>

#include "base/text.h"
#include "host/child_process.h"
#include "host/files.h"

namespace vireo::bench {

using namespace std::chrono_literals;
constexpr auto longest_start = 20s;

Result<std::string> run_script(const std::string& script) {
  ChildCommand command;
  command.program = "sh";
  command.arguments = {"sh", "-ec", script};
  command.new_session = true;  // an interrupt lets the sample that runs finish
  Finished finished = TRY(run_program(command, 60s));
  if (finished.ok()) return finished.output;
  return Error{
      Errc::unavailable,
      fmt::format("`{}` failed: {}", script.substr(0, 60),
                  finished.error.empty() ? wait_status_text(finished.status) : finished.error)};
}

Result<std::string> find_program(const std::string& folder, const std::string& name) {
  if (!folder.empty() && exists(folder + "/" + name)) return folder + "/" + name;
  for (std::string_view part : split(std::getenv("PATH") ? std::getenv("PATH") : "", ':'))
    if (exists(fmt::format("{}/{}", part, name))) return fmt::format("{}/{}", part, name);
  return Error{Errc::not_found,
               fmt::format("{} is not there; `tools/fetch-peers` unpacks Debian's", name)};
}

std::vector<Row> peer_start_rows(const std::string& peer) {
  std::vector<Row> rows;
  for (const char* metric : {"instantiation", "function_ready"}) {
    Row row;
    row.metric = metric;
    row.accelerator = "none";
    row.peer = peer;
    row.unit = "ms";
    rows.push_back(row);
  }
  return rows;
}

Result<void> take_answers(SynProber& prober, SteadyTime started,
                          std::map<std::string, double>& values) {
  auto answers = prober.wait_for_answer(started + longest_start);
  auto since = [&](SteadyTime time) {
    return std::chrono::duration<double, std::milli>(time - started).count();
  };
  if (answers.rst) values["instantiation"] = since(*answers.rst);
  if (!answers.own) return Error{Errc::timed_out, "no SYN-ACK of the function came"};
  values["function_ready"] = since(*answers.own);
  // Without an RST before it, the function's own answer is the first sign of life.
  values.emplace("instantiation", since(*answers.own));
  return {};
}

}  // namespace vireo::bench
