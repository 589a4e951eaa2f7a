// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/tcp_source.h"

#include "vnf/vitals.h"

namespace vireo::vnf {
namespace {

constexpr uint32_t most_connections = 16;      // the one, and earlier ones that fade away
constexpr uint32_t window_bytes = 16 * 1024;   // we expect no stream from the server
constexpr uint64_t ahead_bytes = 64ull << 20;  // offered beyond what is acknowledged
// The largest segment from any place of a period.
constexpr uint32_t stream_bytes = 17 * tcp::Pattern::period;
static_assert(stream_bytes >= tcp::Pattern::period + tcp::most_payload);

}  // namespace

bool TcpSource::configure(const Context& context, const Config& config) {
  vitals_ = context.vitals;
  config_ = config;
  const tcp::Application application = {
      .context = this,
      .opened = [](void*, uint32_t) {},  // nobody may call
      .take = [](void*, uint32_t, const uint8_t*, uint32_t) {},
      .part = [](void* source, uint32_t, uint64_t offset, uint32_t) -> const uint8_t* {
        return static_cast<TcpSource*>(source)->stream_ + offset % tcp::Pattern::period;
      },
      .peer_finished = [](void*, uint32_t) {},
      .closed =
          [](void* source, uint32_t number) {
            if (static_cast<TcpSource*>(source)->number_ == number)
              static_cast<TcpSource*>(source)->closed();
          },
  };
  const char* fault =
      endpoint_.configure(context, {most_connections, window_bytes, 0}, application);
  stream_ = static_cast<uint8_t*>(context.memory(stream_bytes));
  if (fault == nullptr && stream_ == nullptr) fault = "no memory for the stream";
  if (fault != nullptr) context.fail(fault);
  return fault == nullptr;
}

void TcpSource::process(Batch& batch) { endpoint_.process(batch); }

// A server that is not there yet is called again with each tick.
void TcpSource::tick(uint64_t now_ns) {
  if (stage_ == Stage::waiting) {
    number_ = endpoint_.call(config_.server, config_.port, now_ns);
    if (number_ == no_entry)
      failed_++;
    else
      stage_ = Stage::calling;
  }
  publish(now_ns);
}

uint64_t TcpSource::transmit(Batch& batch) {
  if (began_ns_ == 0 && stage_ == Stage::waiting) tick(batch.now_ns);
  offer(batch.now_ns);
  const uint64_t due = endpoint_.transmit(batch);
  publish(batch.now_ns);
  return due;
}

void TcpSource::offer(uint64_t now_ns) {
  if (stage_ == Stage::calling && connection().state() == tcp::State::established) {
    stage_ = Stage::sending;
    for (uint32_t i = 0; i < stream_bytes; i++) stream_[i] = tcp::Pattern::at(i);
    began_ns_ = now_ns;
    add(vitals_->counters[connections], 1);
  }
  if (stage_ != Stage::sending) return;
  const uint64_t most = connection().acknowledged_bytes() + ahead_bytes;
  const bool late =
      config_.duration_ms != 0 && now_ns - began_ns_ >= uint64_t{config_.duration_ms} * 1'000'000;
  const bool all = config_.bytes != 0 && most >= config_.bytes;
  if (!late) connection().offer(all ? config_.bytes : most);
  if (!late && !all) return;
  connection().finish();
  stage_ = Stage::ending;
}

void TcpSource::closed() {
  const bool began = stage_ == Stage::sending || stage_ == Stage::ending;
  if (began) {
    sent_ = connection().acknowledged_bytes();
    resent_ = connection().resent();
  } else {
    failed_++;
  }
  stage_ = began ? Stage::over : Stage::waiting;
  number_ = no_entry;
}

void TcpSource::publish(uint64_t now_ns) {
  const bool counts = stage_ == Stage::sending || stage_ == Stage::ending;
  if (counts) {
    sent_ = connection().acknowledged_bytes();
    resent_ = connection().resent();
  }
  const bool finishing = counts && connection().all_acknowledged();
  if (counts && vitals_->counters[done] == 0)
    store(vitals_->counters[microseconds], (now_ns - began_ns_) / 1000);
  store(vitals_->counters[bytes], sent_);
  store(vitals_->counters[resent], resent_);
  store(vitals_->counters[failed_connects], failed_);
  if (finishing || stage_ == Stage::over) store(vitals_->counters[done], 1);
}

}  // namespace vireo::vnf
