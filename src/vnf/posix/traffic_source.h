// SPDX-License-Identifier: Apache-2.0
// Sends one TCP stream as fast as it goes: the client side of an iperf 2 measurement, on the
// kernel's sockets. Connects again until the server answers; when its time or amount is over it
// ends the stream and rests.
#pragma once
#include "vnf/fields.h"
#include "vnf/posix/system_call.h"

namespace vireo::vnf {

class TrafficSource {
 public:
  struct Config {
    AbiAddress server;
    uint16_t port;
    uint8_t congestion;
    uint8_t reserved;
    uint32_t duration_ms;
    uint64_t bytes;
  };
  static constexpr FieldTable fields[] = {
      stream_server_field(offsetof(Config, server)),
      stream_port_field(offsetof(Config, port), "the server's TCP port"),
      {.name = "congestion",
       .type = Field::choice,
       .offset = offsetof(Config, congestion),
       .choices = "host,reno,cubic,bbr",
       .fallback = "\"host\"",
       .help = "the congestion control; others than the host's and reno need rights there"},
      stream_duration_field(offsetof(Config, duration_ms)),
      stream_bytes_field(offsetof(Config, bytes)),
  };
  static constexpr const char* counters[] = {"bytes", "connections", "failed_connects",
                                             "sending_microseconds", "done"};
  static constexpr FunctionTable table = {
      .name = "traffic-source",
      .summary = "sends one TCP stream, as iperf 2 does, and counts it",
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
  void tick(uint64_t now_ns);

 private:
  enum class Stage : uint8_t { waiting, connecting, sending, done };
  static constexpr uint32_t buffer_bytes = 128 * 1024;
  void connect();
  void finish_connect(uint64_t now_ns);
  void send(uint64_t now_ns);
  void end(Stage next);
  void publish(uint64_t now_ns);

  Vitals* vitals_;
  const uint8_t* buffer_;
  Config config_;
  const char* congestion_;
  Stage stage_;
  int socket_;
  uint64_t began_ns_, bytes_, connections_, failed_, sent_us_;
};

}  // namespace vireo::vnf
