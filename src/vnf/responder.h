// SPDX-License-Identifier: Apache-2.0
// Answers for the addresses of its ports: ARP, neighbour discovery, ping, and TCP SYN with a reset
// or with a SYN-ACK. An endpoint without a kernel's stack: what the start of an instance is
// measured with.
#pragma once
#include "vnf/function.h"

namespace vireo::vnf {

struct Headers;

class Responder {
 public:
  enum class Mode : uint8_t { reset, accept };
  struct Config {
    uint8_t mode;
    uint8_t reserved;
    uint16_t port;  // 0: every port
  };
  static constexpr FieldTable fields[] = {
      {.name = "tcp",
       .type = Field::choice,
       .offset = offsetof(Config, mode),
       .choices = "reset,accept",
       .fallback = "\"reset\"",
       .help = "how a TCP SYN is answered: with a reset, or with a SYN-ACK"},
      {.name = "port",
       .type = Field::u16,
       .offset = offsetof(Config, port),
       .help = "the TCP port that accepts; 0: every port. Others are reset"},
  };
  static constexpr const char* counters[] = {"resolutions", "pings", "accepts", "resets"};
  static constexpr FunctionTable table = {
      .name = "responder",
      .summary = "answers ARP, neighbour discovery, ping and TCP SYN for its addresses",
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
  void tick(uint64_t) {}

 private:
  enum Counter : uint32_t { resolutions, pings, accepts, resets };
  bool answer(Packet& packet, const Headers& h);
  bool answer_tcp(Packet& packet, const Headers& h);
  void accept(Packet& packet, const Headers& h);
  uint32_t first_sequence(const Headers& h) const;
  bool count(Counter counter);

  const Identity* identity_;
  Vitals* vitals_;
  Config config_;
};

}  // namespace vireo::vnf
