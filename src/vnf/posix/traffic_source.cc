// SPDX-License-Identifier: Apache-2.0
#include "vnf/posix/traffic_source.h"

#include "vnf/posix/tcp_socket.h"
#include "vnf/vitals.h"

namespace vireo::vnf {

namespace {
constexpr int writes_a_round = 16;
constexpr const char* congestion_names[] = {"", "reno", "cubic", "bbr"};
}  // namespace

bool TrafficSource::configure(const Context& context, const Config& config) {
  vitals_ = context.vitals;
  config_ = config;
  // Zeroes: an iperf server takes a stream that begins so for one without options.
  buffer_ = static_cast<const uint8_t*>(context.memory(buffer_bytes));
  if (buffer_ == nullptr || config.congestion >= 4) {
    context.fail("no memory, or an unknown congestion control");
    return false;
  }
  congestion_ = congestion_names[config.congestion];
  if (!posix::congestion_allowed(congestion_)) {
    context.fail("this host does not let it choose that congestion control");
    return false;
  }
  connect();
  return true;
}

uint32_t TrafficSource::poll_set(posix::PollFd* fds, uint32_t) {
  if (stage_ != Stage::connecting && stage_ != Stage::sending) return 0;
  fds[0] = {socket_, posix::poll_out, 0};
  return 1;
}

void TrafficSource::serve(const posix::PollFd*, uint32_t, uint64_t now_ns) {
  if (stage_ == Stage::connecting) finish_connect(now_ns);
  if (stage_ == Stage::sending) send(now_ns);
  publish(now_ns);
}

// A server that is not there yet is asked again with each tick.
void TrafficSource::tick(uint64_t now_ns) {
  if (stage_ == Stage::waiting) connect();
  publish(now_ns);
}

void TrafficSource::connect() {
  const long socket = posix::begin_connect_tcp(config_.server, config_.port, congestion_);
  if (socket < 0) {
    failed_++;
    return;
  }
  socket_ = static_cast<int>(socket);
  stage_ = Stage::connecting;
}

void TrafficSource::finish_connect(uint64_t now_ns) {
  if (posix::connect_result(socket_) != 0) {
    failed_++;
    return end(Stage::waiting);
  }
  connections_++;
  began_ns_ = now_ns;
  stage_ = Stage::sending;
}

void TrafficSource::send(uint64_t now_ns) {
  const uint64_t duration_ns = uint64_t{config_.duration_ms} * 1'000'000;
  if (duration_ns != 0 && now_ns - began_ns_ >= duration_ns) return end(Stage::done);
  for (int i = 0; i < writes_a_round; i++) {
    uint64_t part = buffer_bytes;
    if (config_.bytes != 0 && config_.bytes - bytes_ < part) part = config_.bytes - bytes_;
    if (part == 0) return end(Stage::done);
    const long sent = posix::send(socket_, buffer_, part, 0);
    if (sent == posix::error_again || sent == posix::error_interrupted) return;
    if (sent < 0) return end(Stage::done);
    bytes_ += static_cast<uint64_t>(sent);
  }
}

void TrafficSource::end(Stage next) {
  posix::close(socket_);
  stage_ = next;
}

void TrafficSource::publish(uint64_t now_ns) {
  if (stage_ == Stage::sending) sent_us_ = (now_ns - began_ns_) / 1000;
  const uint64_t values[] = {bytes_, connections_, failed_, sent_us_, stage_ == Stage::done};
  for (uint32_t i = 0; i < table.counter_count; i++) store(vitals_->counters[i], values[i]);
}

}  // namespace vireo::vnf
