// SPDX-License-Identifier: Apache-2.0
#include "driver/function_agent.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace vireo {

namespace {
using Clock = std::chrono::steady_clock;
constexpr size_t most_state = 256u << 20;  // of a hostile function's export
}  // namespace

Result<void> FunctionAgent::send(vnf::AgentMessage type, uint32_t value, std::string_view payload) {
  vnf::AgentHeader header{static_cast<uint32_t>(type), static_cast<uint32_t>(payload.size()), value,
                          0};
  std::string message(reinterpret_cast<const char*>(&header), sizeof header);
  message += payload;
  return socket_.send(message);
}

Result<FunctionAgent::Message> FunctionAgent::receive(Clock::time_point until) {
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    PassedMessage raw = TRY(socket_.receive(sizeof(vnf::AgentHeader) + vnf::agent_chunk_bytes,
                                            std::max(left, std::chrono::milliseconds(0))));
    Message message;
    if (raw.bytes.size() < sizeof message.header)
      return Error{Errc::corrupt, "the function sent a short message"};
    std::memcpy(&message.header, raw.bytes.data(), sizeof message.header);
    message.payload = raw.bytes.substr(sizeof message.header);
    if (message.header.length != message.payload.size())
      return Error{Errc::corrupt, "the function sent a message of a wrong length"};
    if (message.header.type == static_cast<uint32_t>(vnf::AgentMessage::failed))
      return Error{Errc::unavailable, fmt::format("the function failed: {}", message.payload)};
    if (message.header.type != static_cast<uint32_t>(vnf::AgentMessage::ready)) return message;
    ready_ = true;
    if (until <= Clock::now()) return Error{Errc::timed_out, "no further message"};
  }
}

Result<void> FunctionAgent::send(uint32_t type, std::string_view payload, std::span<const int> fds,
                                 uint32_t value) {
  const vnf::AgentHeader header{type, static_cast<uint32_t>(payload.size()), value, 0};
  std::string message(reinterpret_cast<const char*>(&header), sizeof header);
  message += payload;
  return socket_.send(message, fds);
}

Result<void> FunctionAgent::begin(std::span<const int> fds) {
  return send(static_cast<uint32_t>(vnf::AgentMessage::begin), {}, fds);
}

Result<void> FunctionAgent::await(uint32_t type, std::chrono::milliseconds deadline) {
  std::lock_guard lock(mutex_);
  Message message = TRY(receive(Clock::now() + deadline));
  if (message.header.type == type) return {};
  return Error{Errc::corrupt, "it answered with something else than it was asked for"};
}

bool FunctionAgent::ready() {
  // An exchange that is going on notices `ready` itself.
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock) (void)receive(Clock::now());
  return lock && ready_;
}

Result<std::string> FunctionAgent::export_state(std::chrono::milliseconds deadline) {
  std::lock_guard lock(mutex_);
  const auto until = Clock::now() + deadline;
  TRY(send(vnf::AgentMessage::export_state, 0, {}));
  std::string state(sizeof(uint32_t), '\0');
  for (;;) {
    Message message = TRY(receive(until));
    const bool end = message.header.type == static_cast<uint32_t>(vnf::AgentMessage::state_end);
    if (!end && message.header.type != static_cast<uint32_t>(vnf::AgentMessage::state_chunk))
      return Error{Errc::corrupt, "the function answered with something else than its state"};
    std::memcpy(state.data(), &message.header.value, sizeof(uint32_t));
    state += message.payload;
    if (state.size() > most_state) return Error{Errc::exhausted, "the function's state is too big"};
    if (end) return state;
  }
}

Result<void> FunctionAgent::import_state(std::string_view state,
                                         std::chrono::milliseconds deadline) {
  if (state.size() < sizeof(uint32_t)) return Error{Errc::invalid, "the state has no version"};
  uint32_t version = 0;
  std::memcpy(&version, state.data(), sizeof version);
  state.remove_prefix(sizeof version);
  std::lock_guard lock(mutex_);
  const auto until = Clock::now() + deadline;
  TRY(send(vnf::AgentMessage::import_state, version, {}));
  while (!state.empty()) {
    std::string_view chunk = state.substr(0, vnf::agent_chunk_bytes);
    TRY(send(vnf::AgentMessage::state_chunk, version, chunk));
    state.remove_prefix(chunk.size());
  }
  TRY(send(vnf::AgentMessage::state_end, version, {}));
  Message answer = TRY(receive(until));
  if (answer.header.type != static_cast<uint32_t>(vnf::AgentMessage::import_done))
    return Error{Errc::corrupt, "the function answered an import with something else"};
  if (answer.header.value != 0)
    return Error{Errc::invalid, fmt::format("the function refused the state: {}", answer.payload)};
  return {};
}

}  // namespace vireo
