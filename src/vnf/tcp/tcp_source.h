// SPDX-License-Identifier: Apache-2.0
// Sends one TCP stream as fast as it goes, as traffic-source does, but with a TCP of its own: on
// ports of packets, and so on every technology. Calls again until the server answers; when its time
// or amount is over it ends the stream, and rests. The stream is tcp::Pattern.
#pragma once
#include "vnf/fields.h"
#include "vnf/tcp/endpoint.h"
#include "vnf/tcp/pattern.h"

namespace vireo::vnf {

class TcpSource {
 public:
  struct Config {
    AbiAddress server;
    uint16_t port;
    uint16_t reserved;
    uint32_t duration_ms;
    uint64_t bytes;
  };
  static constexpr FieldTable fields[] = {
      stream_server_field(offsetof(Config, server)),
      stream_port_field(offsetof(Config, port), "the server's TCP port"),
      stream_duration_field(offsetof(Config, duration_ms)),
      stream_bytes_field(offsetof(Config, bytes)),
  };
  static constexpr const char* counters[] = {"bytes",  "connections",          "failed_connects",
                                             "resent", "sending_microseconds", "done"};
  static constexpr FunctionTable table = {
      .name = "tcp-source",
      .summary = "sends one TCP stream with a TCP of its own and counts it",
      .role = Role::endpoint,
      .ports = Ports::packet,
      .fewest_ports = 1,
      .most_ports = max_ports,
      .config_size = sizeof(Config),
      .fields = fields,
      .field_count = array_size(fields),
      .counters = counters,
      .counter_count = array_size(counters),
  };

  bool configure(const Context& context, const Config& config);
  void process(Batch& batch);
  uint64_t transmit(Batch& batch);
  void tick(uint64_t now_ns);

 private:
  enum Counter : uint32_t { bytes, connections, failed_connects, resent, microseconds, done };
  enum class Stage : uint8_t { waiting, calling, sending, ending, over };
  void offer(uint64_t now_ns);
  void closed();
  void publish(uint64_t now_ns);
  tcp::Connection& connection() { return endpoint_.connection(number_); }

  Vitals* vitals_ = nullptr;
  Config config_ = {};
  Stage stage_ = Stage::waiting;
  uint32_t number_ = no_entry;  // of the connection, unless `waiting` or `over`
  uint64_t began_ns_ = 0, failed_ = 0, sent_ = 0, resent_ = 0;
  uint8_t* stream_ = nullptr;  // periods of the pattern, written when the first byte is due
  tcp::Endpoint endpoint_;
};

}  // namespace vireo::vnf
