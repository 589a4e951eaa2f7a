// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/tcp_sink.h"

#include "vnf/vitals.h"

namespace vireo::vnf {

bool TcpSink::configure(const Context& context, const Config& config) {
  vitals_ = context.vitals;
  config_ = config;
  pattern_.prepare();
  const tcp::Application application = {
      .context = this,
      .opened =
          [](void* sink, uint32_t number) {
            static_cast<TcpSink*>(sink)->taken_[number] = 0;
            static_cast<TcpSink*>(sink)->count(connections);
          },
      .take = [](void* sink, uint32_t number, const uint8_t* from,
                 uint32_t length) { static_cast<TcpSink*>(sink)->take(number, from, length); },
      .part = [](void*, uint32_t, uint64_t, uint32_t) -> const uint8_t* { return nullptr; },
      .peer_finished =
          [](void* sink, uint32_t number) {
            static_cast<TcpSink*>(sink)->endpoint_.connection(number).finish();
            static_cast<TcpSink*>(sink)->count(finished);
          },
      .closed = [](void*, uint32_t) {},
  };
  const char* fault =
      endpoint_.configure(context, {config.connections, config.window, config.port}, application);
  taken_ = static_cast<uint64_t*>(context.memory((config.connections + 1) * sizeof(uint64_t)));
  copy_ = static_cast<uint8_t*>(context.memory(copy_room));
  if (fault == nullptr && (taken_ == nullptr || copy_ == nullptr)) fault = "no memory";
  if (fault != nullptr) context.fail(fault);
  return fault == nullptr;
}

void TcpSink::take(uint32_t number, const uint8_t* from, uint32_t length) {
  count(bytes, length);
  if (config_.content == static_cast<uint8_t>(Content::pattern)) {
    if (!pattern_.matches(taken_[number], from, length)) count(wrong_deliveries);
    taken_[number] += length;
    return;
  }
  for (uint32_t done = 0; done < length; done += copy_room)
    copy_bytes(copy_, from + done, length - done < copy_room ? length - done : copy_room);
}

void TcpSink::process(Batch& batch) { endpoint_.process(batch); }

uint64_t TcpSink::transmit(Batch& batch) {
  const uint64_t due = endpoint_.transmit(batch);
  publish();
  return due;
}

void TcpSink::publish() {
  store(vitals_->counters[open], endpoint_.open());
  store(vitals_->counters[resets], endpoint_.resets());
  store(vitals_->flows, endpoint_.open());
}

void TcpSink::count(Counter counter, uint64_t more) { add(vitals_->counters[counter], more); }

}  // namespace vireo::vnf
