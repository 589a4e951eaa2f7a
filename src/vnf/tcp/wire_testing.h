// SPDX-License-Identifier: Apache-2.0
// Two ends of a connection on a wire that loses, doubles and reorders, in memory and in its own
// time: the same seed gives the same run.
#pragma once
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "vnf/tcp/connection.h"

namespace vireo::vnf::tcp::testing {

struct Faults {
  double loss = 0, doubling = 0, reordering = 0;  // of each piece
  uint64_t delay_ns = 1'000'000;                  // one way
  uint64_t late_ns = 3'000'000;                   // of a reordered piece, on top
};

struct End {
  Connection connection;
  std::string stream;    // what it sends
  std::string received;  // what its peer's stream was
  std::vector<uint8_t> ring;
  bool finishes_late = false;  // only once the peer has finished
  uint64_t segments = 0;       // that left
  uint64_t empty = 0;          // without payload

  static void take(void* context, const uint8_t* bytes, uint32_t count) {
    static_cast<End*>(context)->received.append(reinterpret_cast<const char*>(bytes), count);
  }
  Taker taker() { return {this, take}; }
};

class Wire {
 public:
  Wire(uint64_t seed, Faults faults) : random_(seed), faults_(faults) {}

  Connection::Setup setup(int end, uint32_t first, uint32_t ring_bytes = 1u << 16,
                          uint16_t mss = 1460, uint32_t most = 16) {
    ends[end].ring.resize(ring_bytes);
    return {first, mss, most * mss, ends[end].ring.data(), ring_bytes};
  }
  // Ends are given their stream, end 0 calls, and all runs until nothing is left to happen.
  void run(uint32_t first_a = 0xfffffff0, uint32_t first_b = 77,
           uint64_t limit_ns = 3600'000'000'000);
  void start(int end);
  // Until nothing more happens before `until_ns`.
  void run_until(uint64_t until_ns);
  static std::string random_stream(size_t bytes, uint64_t seed);

  End ends[2];
  uint64_t now_ns = 1;
  uint64_t pieces = 0, lost = 0, refused = 0;
  bool plain = false;  // both ends hear that the other is not selective
  bool (*drop)(const Segment& piece, int from, uint64_t number) = nullptr;  // instead of chance

 private:
  struct Flying {
    int to;
    Segment segment;
    std::string payload;
  };
  void pump(int end);
  void send(int from, const Segment& segment);
  void send_piece(int from, Segment piece, std::string payload);
  void arrive(const Flying& flying);
  bool chance(double of) { return std::uniform_real_distribution<>(0, 1)(random_) < of; }

  std::mt19937_64 random_;
  Faults faults_;
  std::multimap<uint64_t, Flying> flying_;
  uint32_t second_first_ = 77;
  bool greeted_[2] = {};
};

}  // namespace vireo::vnf::tcp::testing
