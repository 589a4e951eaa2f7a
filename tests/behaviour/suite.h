// SPDX-License-Identifier: Apache-2.0
// What the cases of one function share. A suite is a class derived from Behaviour<setup>, and each
// TEST_P of it runs on every technology that can run here.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "behaviour/bench.h"

namespace vireo::behaviour {

inline constexpr unsigned a = 0, b = 1;  // the hosts, by the port that they are behind
inline constexpr const char* nothing = "";

// The names of those that can run; `with_reference`: the suite has one.
std::vector<std::string> technologies(bool with_reference);
std::string test_name(const testing::TestParamInfo<std::string>& info);

Build udp(const std::string& from, uint16_t from_port, const std::string& to, uint16_t to_port);
Build tcp(const std::string& from, uint16_t from_port, const std::string& to, uint16_t to_port,
          uint8_t flags);
// Echo: type 8 and 0 of ICMP, 128 and 129 of ICMPv6, chosen by the addresses.
Build ping(const std::string& from, const std::string& to);
Build pong(const std::string& from, const std::string& to);
// An ICMP error that quotes a packet as far as it must (RFC 792, RFC 4443).
Build error_about(const std::string& from, const std::string& to, uint8_t type, uint8_t code,
                  const Build& about);

// The IPv4 datagram in two frames; the first one has so many bytes behind its IP header.
std::vector<Bytes> in_fragments(const Build& datagram, uint16_t first_bytes, uint16_t id);

template <const Setup& (*setup)()>
class Behaviour : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto& bench = benches_[GetParam()];
    if (bench != nullptr) return;
    auto started = Bench::start(GetParam(), setup());
    ASSERT_TRUE(started) << started.error().message;
    bench = *std::move(started);
  }
  static void TearDownTestSuite() { benches_.clear(); }

  Bench& bench() { return *benches_[GetParam()]; }
  std::string send(unsigned port, const Build& frame) {
    return bench().send(port, {frame.frame()});
  }
  std::string send(unsigned port, const std::vector<Build>& frames) {
    std::vector<Bytes> bytes;
    for (const Build& frame : frames) bytes.push_back(frame.frame());
    return bench().send(port, bytes);
  }

  // Where our functions do something else than Linux on purpose. The reason is for who reads.
  std::string deliberately([[maybe_unused]] const char* reason, const std::string& ours,
                           const std::string& of_linux) const {
    return GetParam() == reference ? of_linux : ours;
  }

 private:
  static inline std::map<std::string, std::unique_ptr<Bench>> benches_;
};

}  // namespace vireo::behaviour
