// SPDX-License-Identifier: Apache-2.0
#include "vnf/state_stream.h"

#include "vnf/back_end.h"

namespace vireo::vnf {

using back_end::tell;

namespace {

// One message as it travels.
struct Chunk {
  AgentHeader header;
  uint8_t bytes[agent_chunk_bytes];
};
Chunk* chunk;  // made when the first state travels

bool have_chunk() {
  if (chunk == nullptr) chunk = static_cast<Chunk*>(back_end::memory(sizeof(Chunk)));
  return chunk != nullptr;
}

struct Sink : StateSink {
  uint32_t used;
  bool refused;
};

void flush(Sink& sink) {
  if (sink.used == 0 || sink.refused) return;
  sink.refused = !tell(AgentMessage::state_chunk, 0, chunk->bytes, sink.used);
  sink.used = 0;
}

void write_state(StateSink* self, const void* bytes, uint32_t count) {
  Sink& sink = *static_cast<Sink*>(self);
  const auto* from = static_cast<const uint8_t*>(bytes);
  while (count > 0) {
    const uint32_t room = agent_chunk_bytes - sink.used;
    const uint32_t part = count < room ? count : room;
    __builtin_memcpy(chunk->bytes + sink.used, from, part);
    sink.used += part;
    from += part;
    count -= part;
    if (sink.used == agent_chunk_bytes) flush(sink);
  }
}

void export_state(const FunctionEntry& function) {
  Sink sink{};
  sink.write = write_state;
  if (function.table->state_version != 0 && have_chunk()) {
    function.export_state(sink);
    flush(sink);
  }
  tell(AgentMessage::state_end, function.table->state_version, nullptr, 0);
}

struct Source : StateSource {
  uint32_t at, length;
  bool ended;
};

// The next chunk into the source; at its end, or when the platform falls silent: ended.
void refill(Source& source) {
  source.at = source.length = 0;
  source.ended = true;
  if (!have_chunk()) return;
  const long got = back_end::hear(chunk, sizeof *chunk, 2'000'000'000);
  if (got < static_cast<long>(sizeof chunk->header)) return;
  const uint32_t length = static_cast<uint32_t>(got) - static_cast<uint32_t>(sizeof chunk->header);
  if (chunk->header.type != static_cast<uint32_t>(AgentMessage::state_chunk)) return;
  if (chunk->header.length != length) return;
  source.length = length;
  source.ended = false;
}

bool read_state(StateSource* self, void* bytes, uint32_t count) {
  Source& source = *static_cast<Source*>(self);
  auto* to = static_cast<uint8_t*>(bytes);
  while (count > 0) {
    while (source.at == source.length && !source.ended) refill(source);
    if (source.ended) return false;
    const uint32_t have = source.length - source.at;
    const uint32_t part = count < have ? count : have;
    __builtin_memcpy(to, chunk->bytes + source.at, part);
    source.at += part;
    to += part;
    count -= part;
  }
  return true;
}

void import_state(const FunctionEntry& function, uint32_t version) {
  Source source{};
  source.version = version;
  source.read = read_state;
  const bool known = version != 0 && version <= function.table->state_version;
  const bool understood = known && function.import_state(source);
  while (!source.ended) refill(source);
  static constexpr char refusal[] = "this state is of a version that is not understood, or damaged";
  if (understood)
    tell(AgentMessage::import_done, 0, nullptr, 0);
  else
    tell(AgentMessage::import_done, 1, refusal, sizeof refusal - 1);
}

}  // namespace

void serve_message(const FunctionEntry& function, const AgentHeader& header) {
  if (header.type == static_cast<uint32_t>(AgentMessage::export_state)) export_state(function);
  if (header.type == static_cast<uint32_t>(AgentMessage::import_state))
    import_state(function, header.value);
}

}  // namespace vireo::vnf
