// SPDX-License-Identifier: Apache-2.0
#include "seeds.h"
#include "vnf/abi.h"

namespace vireo::fuzz {

namespace {

constexpr uint8_t is_ready = 1, exports = 4, imports = 8;  // the target's choices

void say(Seed& seed, vnf::AgentMessage type, uint32_t value, const std::string& payload = {}) {
  seed.put(static_cast<uint8_t>(type)).put(value).put<uint8_t>(0);
  seed.put(static_cast<uint8_t>(payload.size())).put_bytes(payload.data(), payload.size());
}

}  // namespace

void keep_agent_seeds() {
  Seed exported;
  exported.put<uint8_t>(is_ready | exports);
  say(exported, vnf::AgentMessage::ready, 0);
  say(exported, vnf::AgentMessage::state_chunk, 0, "flows");
  say(exported, vnf::AgentMessage::state_chunk, 0, "more");
  say(exported, vnf::AgentMessage::state_end, 1);
  keep("agent", "exports", exported.bytes());
  Seed imported;
  imported.put<uint8_t>(imports);
  say(imported, vnf::AgentMessage::import_done, 0);
  keep("agent", "imports", imported.bytes());
  Seed failed;
  failed.put<uint8_t>(exports);
  say(failed, vnf::AgentMessage::failed, 0, "no memory");
  keep("agent", "fails", failed.bytes());
}

}  // namespace vireo::fuzz
