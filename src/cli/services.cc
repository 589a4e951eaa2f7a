// SPDX-License-Identifier: Apache-2.0
// Verbs about services that run: ps, inspect, stop, start, restart, pause, resume, rm, wait.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/text.h"
#include "base/yaml_text.h"
#include "cli/operation.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/verbs.h"

namespace vireo {
namespace {

std::string restarts_text(const Json& row) {
  std::string text = fmt::format("{}", row["restarts"].integer());
  if (row["healed_ms"].is_number())
    text += fmt::format("  (healed in {})", milliseconds_text(row["healed_ms"].number()));
  return text;
}

std::vector<std::string> ps_row(const Json& row) {
  const std::string state = row["state"].text();
  const bool runs = state == "running" || state == "paused";
  return {row["function"].text(),
          row["technology"].text(),
          state,
          row["health"].text(),
          runs ? uptime_text(row["up_seconds"]) : "-",
          row["tier"].text().empty() ? "-" : row["tier"].text(),
          runs ? fmt::format("{:.0f} %", row["cpu_percent"].number()) : "-",
          runs ? bytes_text(static_cast<uint64_t>(row["memory_bytes"].integer())) : "-",
          runs ? rate_text(row["packets_per_second"].number()) : "-",
          restarts_text(row)};
}

std::string ps_text(const Json& rows) {
  static const std::vector<Column> columns{
      {"FUNCTION"},           {"TECHNOLOGY", false, 2}, {"STATE"},        {"HEALTH", false, 1},
      {"UP", true, 3},        {"START", false, 1},      {"CPU", true, 4}, {"MEMORY", true, 5},
      {"PACKETS/S", true, 6}, {"RESTARTS", false, 7}};
  std::vector<std::vector<std::string>> cells;
  std::string reasons;
  for (const Json& row : rows.items()) {
    cells.push_back(ps_row(row));
    if (std::string reason = row["reason"].text(); !reason.empty())
      reasons += fmt::format("{}: {}\n", row["function"].text(), reason);
  }
  return table_text(columns, cells, terminal_width()) + reasons;
}

Result<Json> function_rows(Daemon& daemon, const std::string& service) {
  return daemon.get(service.empty() ? "/v1/functions"
                                    : "/v1/functions?service=" + percent_encode(service));
}

}  // namespace

Result<int> ps_verb(const Arguments& arguments, Daemon& daemon) {
  std::string service;
  if (!arguments.target.empty()) service = TRY(find_target(daemon, arguments.target)).service;
  Json rows = TRY(function_rows(daemon, service));
  if (arguments.quiet) {
    Json names = Json::array();
    for (const Json& row : rows.items()) names.push(row["function"]);
    if (printed_raw(arguments, names)) return 0;
    for (const Json& row : rows.items()) print(row["function"].text() + "\n");
    return 0;
  }
  if (printed_raw(arguments, rows)) return 0;
  if (rows.items().empty())
    print("no functions; `vireo run FILE` starts a service\n");
  else
    print(ps_text(rows));
  return 0;
}

static Json port_of(const Json& function, const std::string& name) {
  for (const Json& port : function["ports"].items())
    if (port["name"].text() == name) return port;
  return {};
}

Result<int> inspect_verb(const Arguments& arguments, Daemon& daemon) {
  Target target = TRY(find_port(daemon, arguments.target));
  Json json = TRY(daemon.get(target.path()));
  if (!target.port.empty()) json = port_of(json, target.port);
  if (!printed_raw(arguments, json)) print(yaml_text(json));
  return 0;
}

// "stopped", "started", "paused"
static std::string past_of(const std::string& verb) {
  return verb + (verb == "stop" ? "ped" : verb.ends_with('e') ? "d" : "ed");
}

static Result<Json> change_one(const Arguments& arguments, Daemon& daemon,
                               const std::string& named) {
  Target target = TRY(find_target(daemon, named));
  Json operation =
      TRY(daemon.call("POST", fmt::format("{}/{}", target.path(), arguments.verb), ""));
  const bool starts = arguments.verb == "start" || arguments.verb == "restart";
  Json done = TRY(follow_operation(daemon, std::move(operation),
                                   {.waiting = fmt::format("{} {}", arguments.verb, named),
                                    .on_interrupt = {},
                                    .left_behind = {},
                                    .service = starts ? target.service : ""}));
  std::string name =
      target.function.empty() ? target.service : target.service + "/" + target.function;
  if (arguments.output == Output::table)
    print(fmt::format("{} {} in {}\n", name, past_of(arguments.verb),
                      milliseconds_text(done["duration_ms"].number())));
  return done;
}

// In the order of their names here; the first that fails ends it.
Result<int> change_verb(const Arguments& arguments, Daemon& daemon) {
  Json all = Json::array();
  for (const std::string& named : arguments.words)
    all.push(TRY(change_one(arguments, daemon, named)));
  (void)printed_raw(arguments, arguments.words.size() == 1 ? all.items().front() : all);
  return 0;
}

// All are asked first: they go side by side, and one that fails keeps no other.
Result<int> rm_verb(const Arguments& arguments, Daemon& daemon) {
  std::vector<std::string> services = TRY(service_names(daemon));
  if (!arguments.all) services = {TRY(unique_name(arguments.target, services, "service"))};
  std::vector<std::pair<std::string, Json>> removals;
  for (const std::string& service : services)
    removals.emplace_back(
        service, TRY(daemon.call("DELETE", "/v1/services/" + percent_encode(service), "")));
  Json all = Json::array();
  bool failed = false;
  for (auto& [service, operation] : removals) {
    auto done =
        follow_operation(daemon, std::move(operation),
                         {.waiting = "rm " + service, .on_interrupt = {}, .left_behind = {}});
    if (!done) {
      complain(fmt::format("cannot remove `{}`: {}", service, done.error().message));
      failed = true;
      continue;
    }
    if (arguments.output == Output::table)
      print(fmt::format("{} removed in {}\n", service,
                        milliseconds_text((*done)["duration_ms"].number())));
    all.push(*std::move(done));
  }
  if (!printed_raw(arguments, all) && services.empty()) print("nothing to remove\n");
  return failed ? 1 : 0;
}

namespace {

enum class Wanted { ready, stopped, removed };

bool is_as_wanted(const Json& row, Wanted wanted) {
  std::string state = row["state"].text();
  if (wanted == Wanted::stopped) return state == "stopped" || state == "exited";
  return is_ready(row);
}

// What is not yet as wanted, in words; "" when all is.
std::string waiting_for(const Json& rows, Wanted wanted) {
  if (wanted == Wanted::removed) return "it is still there";
  std::vector<std::string> names;
  for (const Json& row : rows.items()) {
    if (is_as_wanted(row, wanted)) continue;
    const std::string reason = row["reason"].text();
    names.push_back(fmt::format("{} is {}, {}{}{}", row["function"].text(), row["state"].text(),
                                row["health"].text(), reason.empty() ? "" : ": ", reason));
  }
  return fmt::format("{}", fmt::join(names, "; "));
}

}  // namespace

Result<int> wait_verb(const Arguments& arguments, Daemon& daemon) {
  Result<Target> target = find_target(daemon, arguments.target);
  if (!target && target.error().code == Errc::not_found && arguments.wait_for == "removed")
    return 0;  // gone already
  if (!target) return std::move(target).error();
  const std::string& service = target->service;
  Wanted wanted = arguments.wait_for == "stopped"   ? Wanted::stopped
                  : arguments.wait_for == "removed" ? Wanted::removed
                                                    : Wanted::ready;
  std::chrono::nanoseconds most = std::chrono::hours(24 * 365);
  if (!arguments.timeout.empty()) most = TRY_IN("--timeout", parse_duration(arguments.timeout));
  auto deadline = std::chrono::steady_clock::now() + most;
  ProgressLine progress;
  for (;;) {
    Result<Json> rows = function_rows(daemon, service);
    bool gone = !rows && rows.error().code == Errc::not_found;
    if (!rows && !(gone && wanted == Wanted::removed)) return std::move(rows).error();
    std::string missing = gone ? "" : waiting_for(*rows, wanted);
    if (missing.empty()) {
      progress.clear();
      printed_raw(arguments, gone ? Json::array() : *rows);
      return 0;
    }
    if (std::chrono::steady_clock::now() >= deadline)
      return Error{Errc::timed_out, fmt::format("`{}` is not {} after {}: {}", service,
                                                arguments.wait_for, duration_text(most), missing)};
    progress.show(missing);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace vireo
