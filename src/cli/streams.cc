// SPDX-License-Identifier: Apache-2.0
// Verbs that print lines as they come: logs, events.
#include <fmt/format.h>

#include <mutex>
#include <thread>

#include "base/yaml_text.h"
#include "cli/terminal.h"
#include "cli/verbs.h"

namespace vireo {
namespace {

// Cuts a stream into lines.
class LineReader {
 public:
  explicit LineReader(std::function<void(const std::string&)> take) : take_(std::move(take)) {}
  void add(std::string_view piece) {
    rest_ += piece;
    size_t from = 0;
    for (size_t end; (end = rest_.find('\n', from)) != std::string::npos; from = end + 1)
      take_(rest_.substr(from, end - from));
    rest_.erase(0, from);
  }

 private:
  std::function<void(const std::string&)> take_;
  std::string rest_;
};

std::string log_query(const Arguments& arguments) {
  std::string query;
  auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty())
      query += fmt::format("{}{}={}", query.empty() ? "?" : "&", name, percent_encode(value));
  };
  add("tail", arguments.tail);
  add("since", arguments.since);
  if (arguments.follow) add("follow", "1");
  return query;
}

// A stream in YAML is documents, one behind the other.
void print_document(const Json& json) { print("---\n" + yaml_text(json)); }

void print_log_line(const Arguments& arguments, const std::string& prefix,
                    const std::string& text) {
  static std::mutex one_at_a_time;  // lines of several functions must not mix
  std::lock_guard lock(one_at_a_time);
  if (arguments.output == Output::json) return print(text + "\n");
  auto line = parse_json(text);
  if (!line) return;
  if (arguments.output == Output::yaml) return print_document(*line);
  std::string out = prefix + (*line)["text"].text();
  print(out.ends_with("\n") ? out : out + "\n");
}

Result<void> print_log(Daemon& daemon, const Arguments& arguments, const Target& target,
                       const std::string& prefix) {
  LineReader lines([&](const std::string& line) { print_log_line(arguments, prefix, line); });
  return daemon.stream(target.path() + "/logs" + log_query(arguments), [&](std::string_view piece) {
    lines.add(piece);
    return true;
  });
}

// Each function on a connection of its own, because each follows for ever.
void follow_all(const Arguments& arguments, const std::vector<Target>& targets) {
  std::vector<std::jthread> threads;
  for (const Target& target : targets)
    threads.emplace_back([&arguments, &target] {
      Daemon own(arguments.socket);
      if (auto done = print_log(own, arguments, target, target.function + "  "); !done)
        complain(done.error().message);
    });
}

Result<std::vector<Target>> functions_of(Daemon& daemon, const Target& target) {
  if (!target.function.empty()) return std::vector<Target>{target};
  std::vector<Target> targets;
  Json service = TRY(daemon.get(target.path()));
  for (const Json& row : service["functions"].items())
    targets.push_back({target.service, row["function"].text().substr(target.service.size() + 1)});
  return targets;
}

std::string event_text(const Json& event) {
  std::string subject = event["service"].text();
  if (std::string function = event["function"].text(); !function.empty()) subject += "/" + function;
  return fmt::format("{}  {:18} {}  {}\n", event["time"].text(), event["kind"].text(), subject,
                     event["message"].text());
}

}  // namespace

Result<int> logs_verb(const Arguments& arguments, Daemon& daemon) {
  Target target = TRY(find_target(daemon, arguments.target));
  std::vector<Target> targets = TRY(functions_of(daemon, target));
  bool several = targets.size() > 1;
  if (arguments.follow && several) {
    follow_all(arguments, targets);
    return 0;
  }
  for (const Target& one : targets)
    TRY(print_log(daemon, arguments, one, several ? one.function + "  " : ""));
  return 0;
}

// A machine's console and a container's standard output are one kind of log: what came last, and
// then each line as it comes.
Result<int> console_verb(const Arguments& arguments, Daemon& daemon) {
  Target target = TRY(find_target(daemon, arguments.target));
  const std::vector<Target> targets = TRY(functions_of(daemon, target));
  if (targets.size() != 1)
    return Error{Errc::invalid,
                 fmt::format("`{0}` has {1} functions: name one, as in `vireo console {0}/{2}`",
                             target.service, targets.size(),
                             targets.empty() ? "FUNCTION" : targets.front().function)};
  Arguments following = arguments;
  following.follow = true;
  following.tail = "10";
  complain(fmt::format("console of {}/{}; ^C leaves, the function goes on", targets.front().service,
                       targets.front().function));
  TRY(print_log(daemon, following, targets.front(), ""));
  return 0;
}

Result<int> events_verb(const Arguments& arguments, Daemon& daemon) {
  std::string target = fmt::format("/v1/events?since={}",
                                   percent_encode(arguments.since.empty() ? "0" : arguments.since));
  if (arguments.follow) target += "&follow=1";
  if (!arguments.target.empty())
    target += "&service=" + percent_encode(TRY(find_target(daemon, arguments.target)).service);
  LineReader lines([&](const std::string& line) {
    if (!line.starts_with("data:")) return;
    std::string data = line.substr(line.find_first_not_of(' ', 5));
    if (arguments.output == Output::json) return print(data + "\n");
    auto event = parse_json(data);
    if (!event) return;
    if (arguments.output == Output::yaml) return print_document(*event);
    print(event_text(*event));
  });
  TRY(daemon.stream(target, [&](std::string_view piece) {
    lines.add(piece);
    return true;
  }));
  return 0;
}

}  // namespace vireo
