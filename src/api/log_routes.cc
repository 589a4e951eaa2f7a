// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>

#include "api/api.h"
#include "api/log_file.h"
#include "base/text.h"

namespace vireo {
namespace {

using namespace std::chrono_literals;
constexpr auto follow_interval = 100ms;  // a person's eye; the writer is another process

std::string ndjson(const std::vector<LogLine>& lines) {
  std::string out;
  for (const LogLine& line : lines)
    out += Json().set("time", line.time).set("stream", line.stream).set("text", line.text).dump() +
           "\n";
  return out;
}

// "10m" ago, or a time.
Result<WallTime> since_time(const std::string& text) {
  if (auto ago = parse_duration(text))
    return std::chrono::system_clock::now() - std::chrono::duration_cast<WallTime::duration>(*ago);
  auto time = parse_timestamp(text);
  if (time) return *time;
  return Error{Errc::invalid, fmt::format("since: `{}` is neither a duration like 10m nor a time "
                                          "like 2026-11-24T20:16:01Z",
                                          text)};
}

struct LogQuery {
  std::optional<uint64_t> tail;
  std::optional<WallTime> since;
};

Result<LogQuery> parse_log_query(const std::map<std::string, std::string>& query) {
  LogQuery parsed;
  if (auto tail = query.find("tail"); tail != query.end())
    parsed.tail = TRY_IN("tail", parse_number(tail->second));
  if (auto since = query.find("since"); since != query.end())
    parsed.since = TRY(since_time(since->second));
  return parsed;
}

void follow(Scheduler& scheduler, const ExchangePtr& exchange,
            const std::shared_ptr<LogFile>& file) {
  scheduler.after(follow_interval, [&scheduler, exchange, file] {
    if (!exchange->wanted()) return;
    std::vector<LogLine> lines = file->read_more();
    if (!lines.empty()) exchange->write(ndjson(lines));
    follow(scheduler, exchange, file);
  });
}

}  // namespace

Result<std::vector<std::string>> Api::log_paths(const std::string& service,
                                                const std::string& function) {
  auto [driver, instance] = TRY(parts_.control.find_last(service, function));
  if (driver->output() == nullptr)
    return Error{Errc::unsupported, fmt::format("{} keeps no output", driver->info().name)};
  return driver->output()->log_paths(instance);
}

void Api::logs(const ExchangePtr& exchange) {
  const Request& request = exchange->request();
  auto query = parse_log_query(request.query);
  if (!query) return exchange->reply(problem_response(query.error()));
  auto paths = log_paths(request.params.at("service"), request.params.at("function"));
  if (!paths) return exchange->reply(problem_response(paths.error()));
  auto file = std::make_shared<LogFile>(*paths);
  exchange->begin("application/x-ndjson");
  std::vector<LogLine> lines = selected(file->read_all(), query->tail, query->since);
  if (!lines.empty()) exchange->write(ndjson(lines));
  if (!request.query.contains("follow")) return exchange->end();
  follow(parts_.scheduler, exchange, file);
}

}  // namespace vireo
