// SPDX-License-Identifier: Apache-2.0
// For tests of functions, hosted: frames from parts or hex, and a bench that runs one function on
// batches without any back-end. Built with the address sanitizer it finds reads beyond a frame.
#pragma once
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vnf/checksum.h"
#include "vnf/function.h"

namespace vireo::vnf::testing {

using Bytes = std::vector<uint8_t>;

Bytes from_hex(std::string_view hex);  // spaces and line ends are skipped
std::string to_hex(const Bytes& bytes);
AbiAddress address_of(std::string_view text, uint8_t prefix_length);  // "10.0.0.1", "2001:db8::1"

// A frame built from parts; lengths and checksums are filled in. Addresses of one family.
struct Build {
  std::string source_mac = "02:00:00:00:00:01", destination_mac = "02:00:00:00:00:02";
  std::string source = "10.0.0.1", destination = "10.0.0.2";
  uint8_t protocol = protocol_udp;
  uint16_t source_port = 40000, destination_port = 80;
  uint8_t tcp_flags = Tcp::syn;
  uint32_t sequence = 1000, acknowledged = 0;
  uint8_t icmp_type = Icmp::echo_request, icmp_code = 0;
  uint16_t icmp_id = 7, icmp_sequence = 1;
  Bytes payload = Bytes(16, 0x5a);
  uint8_t ttl = 64;
  uint16_t fragment = 0;  // IPv4 flags and offset
  bool partial = false;   // leave the transport checksum partial

  Bytes frame() const;
};
Bytes arp_request(std::string_view source, std::string_view target);
Bytes neighbour_solicitation(std::string_view source, std::string_view target);

// One frame with its buffer. `tight`: no byte of room behind the frame, so that the sanitizer sees
// every access beyond it; otherwise the room that a back-end gives.
class Frame {
 public:
  explicit Frame(const Bytes& bytes, bool tight = false);
  Packet packet(uint8_t in = 0);
  VirtioNetHeader vnet{};  // goes in with packet(), comes back with taken()

 private:
  static constexpr size_t headroom = 64;
  std::unique_ptr<uint8_t, void (*)(void*)> buffer_;
  uint32_t length_;
};
Frame frame_of(const Build& build);  // with vnet flags when `partial`

// What a function did with a frame.
struct Outcome {
  uint8_t out = to_nowhere;
  uint8_t drop = 0;
  Bytes bytes;
  VirtioNetHeader vnet{};
  bool sent() const { return out != to_nowhere; }
  Headers headers() & {  // of these bytes: not of a temporary
    Headers h;
    parse(bytes.data(), static_cast<uint32_t>(bytes.size()), h);
    return h;
  }
};

// The identity with two ports, MACs 02:00:00:00:01:0N, addresses as given ("10.0.0.2/24").
std::unique_ptr<Identity> identity_of(const std::vector<std::vector<std::string>>& port_addresses);

std::string& last_failure();        // what Context::fail was told
void* zeroed_memory(size_t bytes);  // Context::memory; freed at exit
void note_failure(const char* reason);
std::vector<std::string>& log_lines();  // what Context::log was told
void note_line(const char* line);

// One function under test. F is large and zero-initialised, as in its program.
template <class F>
class FunctionBench {
 public:
  explicit FunctionBench(std::unique_ptr<Identity> identity)
      : function_(new F()), identity_(std::move(identity)), vitals_(new Vitals()) {}

  bool configure(const typename F::Config& config) {
    const Context context{identity_.get(), vitals_.get(), zeroed_memory, note_failure, note_line};
    return function_->configure(context, config);
  }

  // Runs the frames, at most batch_packets, as one batch; extras are kept in `extras`.
  std::vector<Outcome> process(std::vector<Frame> frames, uint8_t in = 0) {
    std::vector<Packet> packets;
    for (auto& frame : frames) packets.push_back(frame.packet(in));
    std::vector<Frame> room;
    std::vector<Packet> extra;
    for (int i = 0; i < 4; i++) room.emplace_back(Bytes());
    for (auto& frame : room) extra.push_back(frame.packet());
    Batch batch{packets.data(), static_cast<uint32_t>(packets.size()), now_ns, extra.data(), 4, 0};
    function_->process(batch);
    extras.clear();
    for (uint32_t i = 0; i < batch.extra_count; i++) extras.push_back(outcome(extra[i]));
    std::vector<Outcome> outcomes;
    for (const auto& packet : packets) outcomes.push_back(outcome(packet));
    return outcomes;
  }
  Outcome process_one(Frame frame, uint8_t in = 0) {
    std::vector<Frame> one;
    one.push_back(std::move(frame));
    return process(std::move(one), in).front();
  }

  F& function() { return *function_; }
  Vitals& vitals() { return *vitals_; }
  uint64_t now_ns = 1'000'000'000;
  std::vector<Outcome> extras;

 private:
  static Outcome outcome(const Packet& packet) {
    return {packet.out, packet.drop, Bytes(packet.data, packet.data + packet.length), *packet.vnet};
  }
  std::unique_ptr<F> function_;
  std::unique_ptr<Identity> identity_;
  std::unique_ptr<Vitals> vitals_;
};

// Carries exported state to an importing function.
struct StateBytes : StateSink {
  Bytes bytes;
  StateBytes() : StateSink{append} {}
  static void append(StateSink* self, const void* bytes, uint32_t count);
};
struct StateReader : StateSource {
  Bytes bytes;
  size_t at = 0;
  StateReader(uint32_t state_version, Bytes state)
      : StateSource{state_version, take}, bytes(std::move(state)) {}
  static bool take(StateSource* self, void* bytes, uint32_t count);
};

}  // namespace vireo::vnf::testing
