// SPDX-License-Identifier: Apache-2.0
// Takes in TCP streams and counts them: the server side of an iperf 2 measurement, on the kernel's
// sockets. Every byte is copied out, as a real receiver does.
#pragma once
#include "vnf/fields.h"
#include "vnf/posix/system_call.h"

namespace vireo::vnf {

class TrafficSink {
 public:
  struct Config {
    uint16_t port;
  };
  static constexpr FieldTable fields[] = {
      stream_port_field(offsetof(Config, port), "the TCP port to listen on"),
  };
  static constexpr const char* counters[] = {"bytes", "connections", "open"};
  static constexpr FunctionTable table = {
      .name = "traffic-sink",
      .summary = "takes in TCP streams, as iperf 2 sends them, and counts them",
      .role = Role::endpoint,
      .ports = Ports::stack,
      .fewest_ports = 1,
      .most_ports = max_ports,
      .config_size = sizeof(Config),
      .fields = fields,
      .field_count = array_size(fields),
      .counters = counters,
      .counter_count = array_size(counters),
  };

  bool configure(const Context& context, const Config& config);
  uint32_t poll_set(posix::PollFd* fds, uint32_t room);
  void serve(const posix::PollFd* fds, uint32_t count, uint64_t now_ns);
  void tick(uint64_t) {}

 private:
  static constexpr uint32_t most_streams = 16, buffer_bytes = 128 * 1024;
  void take_stream();
  void drain(uint32_t stream);
  void publish();

  Vitals* vitals_;
  uint8_t* buffer_;
  int listener_;
  uint32_t open_;
  int streams_[most_streams];
  uint64_t bytes_, connections_;
};

}  // namespace vireo::vnf
