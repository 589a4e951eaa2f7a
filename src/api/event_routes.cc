// SPDX-License-Identifier: Apache-2.0
// The event stream (text/event-stream, WHATWG HTML "Server-sent events").
#include <fmt/format.h>

#include <algorithm>

#include "api/api.h"
#include "api/views.h"
#include "base/text.h"

namespace vireo {
namespace {

bool concerns(const Request& request, const Event& event) {
  auto service = request.query.find("service");
  return service == request.query.end() || service->second == event.service;
}

std::string frame_of(const Event& event) {
  return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event.id, event.kind,
                     to_json(event).dump());
}

}  // namespace

void Api::events(const ExchangePtr& exchange) {
  const Request& request = exchange->request();
  auto since = request.query.find("since");
  uint64_t after = 0;
  if (since != request.query.end()) {
    auto number = parse_number(since->second);
    if (!number)
      return exchange->reply(problem_response(std::move(number).error().within("since")));
    after = *number;
  }
  exchange->begin("text/event-stream");
  for (const Event& event : parts_.control.events_after(after))
    if (concerns(request, event)) exchange->write(frame_of(event));
  if (!request.query.contains("follow")) return exchange->end();
  event_streams_.push_back(exchange);
  exchange->on_gone([this, raw = exchange.get()] {
    std::erase_if(event_streams_, [&](const ExchangePtr& stream) { return stream.get() == raw; });
  });
}

void Api::stream_event(const Event& event) {
  if (event_streams_.empty()) return;
  std::string frame = frame_of(event);
  // A client that does not read is dropped rather than buffered for ever.
  std::erase_if(event_streams_, [](const ExchangePtr& stream) { return !stream->wanted(); });
  for (const ExchangePtr& stream : event_streams_)
    if (concerns(stream->request(), event)) stream->write(frame);
}

}  // namespace vireo
