// SPDX-License-Identifier: Apache-2.0
#include "cli/operation.h"

#include <fmt/format.h>
#include <poll.h>

#include <chrono>
#include <csignal>

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
                          std::chrono::nanoseconds elapsed) {
  size_t steps = operation["steps"].items().size();
  std::string last = steps > 0 ? operation["steps"].items().back()["subject"].text() : "";
  return fmt::format("{}  {} step{} done{}{}  {}", waiting, steps, steps == 1 ? "" : "s",
                     last.empty() ? "" : ", last ", last, duration_text(elapsed));
}

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
  auto started = std::chrono::steady_clock::now();
  SignalWatch signals({SIGINT, SIGTERM});
  Interrupts interrupts(options);
  ProgressLine progress;
  std::string target = "/v1/operations/" + percent_encode(operation["id"].text());
  while (going_on(operation)) {
    progress.show(
        progress_text(operation, options.waiting, std::chrono::steady_clock::now() - started));
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
