// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/operation.h"
#include "cli/submission.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/verbs.h"

namespace vireo {
namespace {

std::string counted(size_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string headline(const Json& service) {
  size_t chains = service["chain"].items().empty() ? 0 : 1;
  return fmt::format("{}  {}, {}, {}\n", service["name"].text(),
                     counted(service["functions"].items().size(), "function"),
                     counted(service["links"].items().size(), "link"), counted(chains, "chain"));
}

// The step of an operation that started a function; null when the function was left alone.
const Json& step_of(const Json& operation, const std::string& function) {
  static const Json none;
  const Json* found = &none;
  for (const Json& step : operation["steps"].items())
    if (step["subject"].text() == function && step["handover"].is_null() &&
        !step["phases"].items().empty())
      found = &step;
  return *found;
}

std::string handover_text(const Json& handover) {
  const Json& lost = handover["lost_packets"];
  return fmt::format("gap {}, {}", milliseconds_text(handover["gap_ms"].number()),
                     lost.is_null()
                         ? "packets lost are not counted by this fabric"
                         : counted(static_cast<size_t>(lost.integer()), "packet") + " lost");
}

// Of each function that was exchanged while it ran.
std::string handovers_text(const std::string& service, const Json& operation) {
  std::string text;
  for (const Json& step : operation["steps"].items()) {
    if (step["handover"].is_null()) continue;
    std::string name = step["subject"].text();
    if (name.starts_with(service + "/")) name.erase(0, service.size() + 1);
    text += fmt::format("  swapped {}: {}\n", name, handover_text(step["handover"]));
  }
  return text;
}

struct Line {
  std::string name, technology, state, phases;
};

std::string lines_text(const std::vector<Line>& lines) {
  size_t name = 0, technology = 0, state = 0;
  for (const Line& line : lines) {
    name = std::max(name, line.name.size());
    technology = std::max(technology, line.technology.size());
    state = std::max(state, line.state.size());
  }
  std::string out;
  for (const Line& line : lines) {
    std::string text = fmt::format("  {:{}}  {:{}}  {:{}}   {}", line.name, name, line.technology,
                                   technology, line.state, state, line.phases);
    out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string report(const Json& service, const Json& operation) {
  std::string name = service["name"].text();
  std::vector<Line> lines;
  for (const Json& function : service["functions"].items()) {
    std::string full = function["function"].text();
    const Json& step = step_of(operation, full);
    if (step.is_null()) continue;
    bool ready = function["health"].text() == "ready" || function["health"].text() == "healthy";
    std::string state = ready ? "ready in" : function["state"].text() + " in";
    lines.push_back({full.substr(std::min(full.size(), name.size() + 1)),
                     function["technology"].text(),
                     fmt::format("{} {}", state, milliseconds_text(step["duration_ms"].number())),
                     phases_text(step["phases"])});
  }
  std::string next =
      fmt::format("`vireo ps {0}` \u00b7 `vireo logs {0}` \u00b7 `vireo rm {0}`", name);
  if (operation["steps"].items().empty()) return fmt::format("nothing to change.  {}\n", next);
  return lines_text(lines) + handovers_text(name, operation) +
         fmt::format("up in {}.  {}\n", milliseconds_text(operation["duration_ms"].number()), next);
}

// Ctrl-C during a run: whatever of it runs already is stopped in order.
Result<Json> ask_to_stop(Daemon& daemon, const std::string& service) {
  complain("\nasked for a clean stop; Ctrl-C again leaves at once\n");
  return daemon.call("POST", fmt::format("/v1/services/{}/stop", percent_encode(service)), "");
}

// The operation to its end. One that a stop came after has failed, which says less than the stop.
Result<Json> follow_run(Daemon& daemon, Json operation, const std::string& service) {
  std::optional<Json> stop;
  FollowOptions options{.waiting = service,
                        .on_interrupt = [&]() -> Result<void> {
                          stop = TRY(ask_to_stop(daemon, service));
                          return {};
                        },
                        .left_behind = fmt::format(
                            "left while `{0}` was coming up; what runs of it goes on: `vireo ps "
                            "{0}`, `vireo rm {0}`",
                            service),
                        .service = service};
  auto done = follow_operation(daemon, std::move(operation), options);
  if (!stop) return done;
  TRY(follow_operation(daemon, *std::move(stop),
                       {.waiting = "stop " + service, .on_interrupt = {}, .left_behind = {}}));
  return Error{Errc::conflict,
               fmt::format("stopped by Ctrl-C; `vireo start {0}` starts it, `vireo rm {0}` "
                           "removes it",
                           service)};
}

}  // namespace

Result<int> run_verb(const Arguments& arguments, Daemon& daemon) {
  SubmissionBody submission = TRY(read_submission(arguments.target));
  // Without a name the daemon answers with the finding about it.
  std::string path =
      "/v1/services/" + percent_encode(submission.service.empty() ? "-" : submission.service);
  Json operation = TRY(daemon.call("PUT", path, submission.json));
  auto done = follow_run(daemon, std::move(operation), submission.service);
  if (!done)
    return std::move(done).error().within(fmt::format("cannot run `{}`", submission.service));
  if (printed_raw(arguments, *done)) return 0;
  Json service = TRY(daemon.get(path));
  print(headline(service) + report(service, *done));
  return 0;
}

}  // namespace vireo
