// SPDX-License-Identifier: Apache-2.0
#include "seeds.h"
#include "vnf/testing.h"

namespace vireo::fuzz {
namespace {

using vnf::Tcp;

// Steps of tcp_connection_fuzz.cc.
class Talk : public Seed {
 public:
  explicit Talk(uint8_t flags) { put(flags); }
  // `sequence` 0 with choice 6 (mod 24): the next expected.
  Talk& arrive(uint8_t blocks, uint8_t bytes, int16_t apart, uint16_t acknowledged,
               std::initializer_list<std::pair<uint16_t, uint8_t>> ranges = {}, uint8_t kind = 0) {
    put(choice_for(blocks, bytes > 0, apart == 0));
    if (bytes > 0) {
      put(bytes);
      for (uint8_t i = 0; i < bytes; i++) put(i);
    }
    put(kind).put(apart).put(acknowledged).put<uint16_t>(60000);
    for (const auto& [from, size] : ranges) put(from).put(size);
    return *this;
  }
  Talk& pass(uint16_t time, uint8_t shift) {
    put<uint8_t>(shift_choice(shift)).put(time);
    return *this;
  }
  Talk& offer(uint16_t bytes) {
    put<uint8_t>(1).put(bytes);
    return *this;
  }
  Talk& finish() {
    put<uint8_t>(202);
    return *this;
  }

 private:
  // The smallest byte that means it: % 8 an arrival, / 8 % 5 blocks, % 5 bytes, % 3 the place.
  static uint8_t choice_for(uint8_t blocks, bool bytes, bool next) {
    for (int choice = 0; choice < 256; choice++)
      if (choice % 8 >= 4 && choice / 8 % 5 == blocks && (choice % 5 == 4) == bytes &&
          (choice % 3 == 0) == next)
        return static_cast<uint8_t>(choice);
    return 4;
  }
  static uint8_t shift_choice(uint8_t shift) {
    return static_cast<uint8_t>(shift / 8 * 8);  // 0, 8 or 16
  }
};

void keep_connection_seeds() {
  for (const uint8_t flags : {uint8_t{0x0e}, uint8_t{0x7e}, uint8_t{0x06}, uint8_t{0x02}}) {
    const std::string name = "flags" + std::to_string(flags);
    const auto keep_talk = [&](const char* what, const Talk& talk) {
      keep("tcp_connection", name + what, talk.bytes());
    };
    keep_talk("takes", Talk(flags)
                           .arrive(0, 0, 0, 1)
                           .arrive(0, 100, 0, 1)
                           .arrive(0, 50, 200, 1)
                           .arrive(0, 50, 200, 1)
                           .arrive(0, 200, 0, 1)
                           .pass(1, 16)
                           .arrive(0, 10, 0, 1, {}, 202));
    keep_talk("sends", Talk(flags)
                           .arrive(0, 0, 0, 1)
                           .offer(20000)
                           .pass(100, 8)
                           .arrive(1, 0, 0, 1001, {{2001, 25}})
                           .arrive(2, 0, 0, 1001, {{6001, 25}, {2001, 50}})
                           .pass(2000, 8)
                           .arrive(1, 0, 0, 1001, {{1, 25}})
                           .arrive(0, 0, 0, 20001)
                           .finish()
                           .pass(4000, 16)
                           .pass(60000, 16)
                           .arrive(0, 0, 0, 20002));
  }
  keep("tcp_connection", "calls",
       Talk(1).arrive(0, 0, -1, 1, {}, 203).offer(5000).pass(9000, 16).pass(60000, 16).bytes());
}

std::string frames(uint8_t function, std::initializer_list<vnf::testing::Build> builds) {
  constexpr uint8_t right = 2, from_inside = 1;
  Seed seed;
  seed.put(function);
  for (const vnf::testing::Build& build : builds) {
    const vnf::testing::Bytes bytes = build.frame();
    seed.put<uint8_t>(3).put<uint8_t>(0).put(from_inside).put(right);
    seed.put(static_cast<uint16_t>(bytes.size()));
    seed.put_bytes(bytes.data(), bytes.size());
  }
  seed.put<uint8_t>(0).put<uint16_t>(50);  // half a second
  return seed.bytes();
}

void keep_endpoint_seeds() {
  for (const bool v6 : {false, true}) {
    vnf::testing::Build syn;
    syn.destination_mac = "02:00:00:00:01:01";
    syn.source = v6 ? "2001:db8:2::5" : "10.0.0.5";
    syn.destination = v6 ? "2001:db8:2::1" : "10.0.0.1";
    syn.protocol = vnf::protocol_tcp;
    syn.payload.clear();
    vnf::testing::Build data = syn, reset = syn, answer = syn;
    data.tcp_flags = Tcp::ack;
    data.sequence = 1001;
    data.payload.resize(20);
    reset.tcp_flags = Tcp::rst;
    reset.sequence = 1001;
    answer.source_port = 80;
    answer.destination_port = 50000;
    answer.tcp_flags = Tcp::syn | Tcp::ack;
    const std::string family = v6 ? "6" : "4";
    keep("vnf_tcp", "sink" + family, frames(0, {syn, data, reset, syn}));
    keep("vnf_tcp", "source" + family, frames(1, {answer, data}));
  }
}

}  // namespace

void keep_tcp_seeds() {
  keep_connection_seeds();
  keep_endpoint_seeds();
}

}  // namespace vireo::fuzz
