// SPDX-License-Identifier: Apache-2.0
// Takes in TCP streams and counts them, as traffic-sink does, but with a TCP of its own: on ports
// of packets, and so on every technology. Every byte is copied out, as a real receiver does, or
// compared with the pattern that tcp-source sends.
#pragma once
#include "vnf/fields.h"
#include "vnf/tcp/endpoint.h"
#include "vnf/tcp/pattern.h"

namespace vireo::vnf {

class TcpSink {
 public:
  enum class Content : uint8_t { any, pattern };
  struct Config {
    uint16_t port;
    uint8_t content;
    uint8_t reserved;
    uint32_t connections, window;
  };
  static constexpr FieldTable fields[] = {
      stream_port_field(offsetof(Config, port), "the TCP port to listen on"),
      {.name = "content",
       .type = Field::choice,
       .offset = offsetof(Config, content),
       .choices = "any,pattern",
       .fallback = "\"any\"",
       .help = "whether each byte is compared with the pattern of tcp-source"},
      {.name = "connections",
       .type = Field::u32,
       .offset = offsetof(Config, connections),
       .minimum = 1,
       .maximum = 4096,
       .fallback = "8",
       .help = "how many at once"},
      {.name = "window",
       .type = Field::u32,
       .offset = offsetof(Config, window),
       .minimum = 4096,
       .maximum = 1u << 24,
       .fallback = "4194304",
       .help = "bytes of the receive window of each, a power of two; a machine with little memory "
               "has less"},
  };
  static constexpr const char* counters[] = {"bytes",  "connections",      "open",
                                             "resets", "wrong_deliveries", "finished"};
  static constexpr FunctionTable table = {
      .name = "tcp-sink",
      .summary = "takes in TCP streams with a TCP of its own and counts or compares them",
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
  void tick(uint64_t) {}

 private:
  static constexpr uint32_t copy_room = 64 * 1024;
  enum Counter : uint32_t { bytes, connections, open, resets, wrong_deliveries, finished };
  void take(uint32_t number, const uint8_t* from, uint32_t count);
  void publish();
  void count(Counter counter, uint64_t more = 1);

  Vitals* vitals_ = nullptr;
  Config config_ = {};
  uint64_t* taken_ = nullptr;  // of each connection, by its number
  uint8_t* copy_ = nullptr;
  tcp::Pattern pattern_;
  tcp::Endpoint endpoint_;
};

}  // namespace vireo::vnf
