// SPDX-License-Identifier: Apache-2.0
// What a hostile function or VMM says to the platform over its agent's socket: the exchanges end,
// and a state that was taken has a version.
#include <fcntl.h>
#include <sys/socket.h>

#include "driver/function_agent.h"
#include "input.h"

namespace vireo::fuzz {
namespace {

// Each message: type, value, whether its length is the right one, bytes.
void say(Input& input, int socket) {
  vnf::AgentHeader header{};
  header.type = input.take<uint8_t>() % 10;
  header.value = input.take<uint32_t>();
  const bool lies = (input.take<uint8_t>() & 1) != 0;
  const auto bytes = input.take_bytes(input.take<uint8_t>());
  header.length = lies ? input.take<uint32_t>() : static_cast<uint32_t>(bytes.size());
  std::string message(reinterpret_cast<const char*>(&header), sizeof header);
  message.append(bytes.begin(), bytes.end());
  message.resize(message.size() - (lies ? input.take<uint8_t>() % message.size() : 0));
  (void)!::send(socket, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace
}  // namespace vireo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vireo;
  constexpr std::chrono::seconds deadline{10};  // the end of what is said comes first
  fuzz::Input input(data, size);
  auto ends = UnixSocket::pair(SocketKind::packets);
  fuzz::require(ends.has_value(), "no socket pair");
  const UnixSocket far = std::move(ends->second);
  FunctionAgent agent(std::move(ends->first));
  const auto choices = input.take<uint8_t>();
  for (int i = 0; i < 32 && !input.empty(); i++) fuzz::say(input, far.fd().get());
  ::shutdown(far.fd().get(), SHUT_WR);
  if ((choices & 1) != 0) agent.ready();
  if ((choices & 2) != 0) (void)agent.await(101, deadline);
  if ((choices & 4) != 0) {
    const Result<std::string> state = agent.export_state(deadline);
    fuzz::require(!state || state->size() >= sizeof(uint32_t), "a state without a version");
  }
  if ((choices & 8) != 0) (void)agent.import_state(std::string_view("\1\0\0\0state", 9), deadline);
  return 0;
}
