// SPDX-License-Identifier: Apache-2.0
#include "vnf/posix/traffic_sink.h"

#include "vnf/posix/tcp_socket.h"
#include "vnf/vitals.h"

namespace vireo::vnf {

namespace {
constexpr int reads_a_round = 16;  // then another stream has its turn
}  // namespace

bool TrafficSink::configure(const Context& context, const Config& config) {
  vitals_ = context.vitals;
  buffer_ = static_cast<uint8_t*>(context.memory(buffer_bytes));
  const long listener = posix::listen_tcp(config.port);
  if (buffer_ == nullptr || listener < 0) {
    context.fail("it cannot listen on its TCP port");
    return false;
  }
  listener_ = static_cast<int>(listener);
  return true;
}

// Streams first, at the places that serve() expects; the listener only while one more fits.
uint32_t TrafficSink::poll_set(posix::PollFd* fds, uint32_t room) {
  uint32_t count = 0;
  for (; count < open_ && count < room; count++) fds[count] = {streams_[count], posix::poll_in, 0};
  if (open_ < most_streams && count < room) fds[count++] = {listener_, posix::poll_in, 0};
  return count;
}

void TrafficSink::serve(const posix::PollFd* fds, uint32_t count, uint64_t) {
  const uint32_t streams = open_;
  // From the last on, because a stream that ends is replaced by the last one.
  for (uint32_t i = streams; i-- > 0;)
    if (i < count && fds[i].returned != 0) drain(i);
  if (streams < count && fds[streams].returned != 0) take_stream();
  publish();
}

void TrafficSink::take_stream() {
  const long stream = posix::accept_tcp(listener_);
  if (stream < 0) return;
  streams_[open_++] = static_cast<int>(stream);
  connections_++;
}

void TrafficSink::drain(uint32_t stream) {
  const int socket = streams_[stream];
  for (int i = 0; i < reads_a_round; i++) {
    const long got = posix::read(socket, buffer_, buffer_bytes);
    if (got == posix::error_again || got == posix::error_interrupted) return;
    if (got <= 0) {
      posix::close(socket);
      streams_[stream] = streams_[--open_];
      return;
    }
    bytes_ += static_cast<uint64_t>(got);
    if (got < static_cast<long>(buffer_bytes)) return;
  }
}

void TrafficSink::publish() {
  const uint64_t values[] = {bytes_, connections_, open_};
  for (uint32_t i = 0; i < table.counter_count; i++) store(vitals_->counters[i], values[i]);
}

}  // namespace vireo::vnf
