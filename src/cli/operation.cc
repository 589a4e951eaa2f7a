// SPDX-License-Identifier: Apache-2.0
#include "cli/operation.h"

#include <fmt/format.h>
#include <poll.h>

#include <chrono>
#include <csignal>
#include <set>

#include "base/text.h"
#include "cli/terminal.h"

namespace vireo {
namespace {

constexpr std::chrono::milliseconds redraw{100};

bool going_on(const Json& operation) {
  std::string state = operation["state"].text();
  return state == "STARTING" || state == "PROCESSING" || state == "ROLLING_BACK";
}

std::string progress_text(const Json& operation, const std::string& waiting,
                          const std::string& awaited, std::chrono::nanoseconds elapsed) {
  size_t steps = operation["steps"].items().size();
  std::string last = steps > 0 ? operation["steps"].items().back()["subject"].text() : "";
  return fmt::format("{}  {} step{} done{}{}{}{}  {}", waiting, steps, steps == 1 ? "" : "s",
                     last.empty() ? "" : ", last ", last, awaited.empty() ? "" : ", waits for ",
                     awaited, duration_text(elapsed));
}

// Functions that are not ready, and why.
class Unready {
 public:
  Unready(Daemon& daemon, const FollowOptions& options) : daemon_(daemon), options_(options) {}

  void look(std::chrono::steady_clock::time_point now, ProgressLine& progress) {
    if (options_.service.empty() || now < next_) return;
    next_ = now + options_.look_every;
    Result<Json> service = daemon_.get("/v1/services/" + percent_encode(options_.service));
    if (!service) return;  // not there any more, or not yet
    names_.clear();
    for (const Json& function : (*service)["functions"].items()) {
      const std::string state = function["state"].text();
      if (is_ready(function) || state == "stopped" || state == "paused") continue;
      names_.push_back(function["function"].text());
      tell(function, progress);
    }
  }
  // "bad/f and 2 more"; "" when nobody has looked yet.
  std::string text() const {
    if (names_.size() < 2) return names_.empty() ? "" : names_.front();
    return fmt::format("{} and {} more", names_.front(), names_.size() - 1);
  }

 private:
  void tell(const Json& function, ProgressLine& progress) {
    std::string reason = function["reason"].text();
    std::string line = fmt::format("{}: {}\n", function["function"].text(), reason);
    if (reason.empty() || !told_.insert(line).second) return;
    progress.clear();
    complain(line);
    if (told_.size() > 1) return;
    const std::string& service = options_.service;
    complain(fmt::format(
        "tried again, each time later; `vireo logs {0}` tells more, {1} stops it\n", service,
        options_.on_interrupt ? "Ctrl-C" : fmt::format("`vireo stop {}`", service)));
  }

  Daemon& daemon_;
  const FollowOptions& options_;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + options_.look_every;
  std::vector<std::string> names_;
  std::set<std::string> told_;
};

class Interrupts {
 public:
  explicit Interrupts(const FollowOptions& options) : options_(options) {}

  Result<void> take(SignalWatch& signals) {
    if (signals.take() == 0) return {};
    if (count_++ == 0 && options_.on_interrupt) return options_.on_interrupt();
    return Error{Errc::invalid,
                 options_.left_behind.empty() ? "left; the work goes on" : options_.left_behind};
  }

 private:
  const FollowOptions& options_;
  int count_ = 0;
};

}  // namespace

Result<Json> follow_operation(Daemon& daemon, Json operation, const FollowOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  SignalWatch signals({SIGINT, SIGTERM});
  Interrupts interrupts(options);
  ProgressLine progress;
  Unready unready(daemon, options);
  std::string target = "/v1/operations/" + percent_encode(operation["id"].text());
  while (going_on(operation)) {
    const auto now = std::chrono::steady_clock::now();
    unready.look(now, progress);
    progress.show(progress_text(operation, options.waiting, unready.text(), now - started));
    pollfd wait{signals.fd(), POLLIN, 0};
    // On a terminal the line moves; elsewhere the daemon says when the work is done.
    if (on_terminal()) ::poll(&wait, 1, static_cast<int>(redraw.count()));
    if (auto taken = interrupts.take(signals); !taken) return taken.error();
    operation = TRY(daemon.get(on_terminal() ? target : target + "?wait=1"));
  }
  progress.clear();
  if (operation["state"].text() == "COMPLETED") return operation;
  std::string reason = operation["error"]["detail"].text();
  return Error{Errc::internal,
               fmt::format("{} (operation {}, {})", reason.empty() ? "it failed" : reason,
                           operation["id"].text(), operation["state"].text())};
}

bool is_ready(const Json& function) {
  const std::string health = function["health"].text();
  return function["state"].text() == "running" && (health == "ready" || health == "healthy");
}

std::string phases_text(const Json& phases) {
  std::string text;
  for (const Json& phase : phases.items()) {
    if (phase["name"].text().find('.') != std::string::npos) continue;  // part of another
    double ms = phase["ms"].number();
    text += fmt::format("{}{} {}", text.empty() ? "" : "  ", phase["name"].text(),
                        ms < 10 ? fmt::format("{:.1f}", ms) : fmt::format("{:.0f}", ms));
    if (std::string note = phase["note"].text(); !note.empty()) text += " " + note;
  }
  return text.empty() ? text : "(" + text + ")";
}

}  // namespace vireo
