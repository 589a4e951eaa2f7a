// SPDX-License-Identifier: Apache-2.0
// What an endpoint owes its links, packet by packet: tcp-sink at 10.0.0.2 and 2001:db8::2.
#include <gtest/gtest.h>

#include "vnf/tcp/tcp_sink.h"
#include "vnf/tcp/tcp_source.h"
#include "vnf/testing.h"

namespace vireo::vnf {
namespace {

using testing::Build;
using testing::Bytes;
using testing::Frame;
using testing::Outcome;

template <class F>
class Bench : public testing::FunctionBench<F> {
 public:
  Bench() : testing::FunctionBench<F>(testing::identity_of({{"10.0.0.2/24", "2001:db8::2/64"}})) {}
  // What it sends of its own accord: frames with their rest.
  std::vector<Bytes> transmit() {
    std::vector<Bytes> sent;
    std::vector<Frame> room;
    std::vector<Packet> extra;
    for (int i = 0; i < 4; i++) room.emplace_back(Bytes());
    for (Frame& frame : room) extra.push_back(frame.packet());
    Batch batch{nullptr, 0, this->now_ns, extra.data(), 4, 0};
    this->function().transmit(batch);
    for (uint32_t i = 0; i < batch.extra_count; i++) {
      Bytes frame(extra[i].data, extra[i].data + extra[i].length);
      if (extra[i].rest_bytes > 0)
        frame.insert(frame.end(), extra[i].rest, extra[i].rest + extra[i].rest_bytes);
      sent.push_back(std::move(frame));
      segment_bytes = extra[i].vnet->gso_size;
    }
    return sent;
  }
  uint32_t segment_bytes = 0;
};

Headers headers_of(Bytes& frame) {
  Headers h;
  EXPECT_TRUE(parse(frame.data(), static_cast<uint32_t>(frame.size()), h));
  return h;
}

TEST(Endpoint, a_host_that_is_asked_for_says_so_but_not_that_it_is_a_router) {
  Bench<TcpSink> bench;
  ASSERT_TRUE(bench.configure({80, 0, 0, 2, 4096}));
  Outcome answer =
      bench.process_one(Frame(testing::neighbour_solicitation("2001:db8::9", "2001:db8::2")));
  ASSERT_TRUE(answer.sent());
  const Headers h = answer.headers();
  EXPECT_EQ(h.icmp().type(), Icmp::neighbour_advertisement);
  EXPECT_EQ(h.icmp().rest(), 0x60000000u) << "solicited, override";
}

TEST(Endpoint, who_looks_for_a_duplicate_of_our_address_hears_of_us) {
  Bench<TcpSink> bench;
  ASSERT_TRUE(bench.configure({80, 0, 0, 2, 4096}));
  Bytes probe = testing::neighbour_solicitation("::", "2001:db8::2");
  // RFC 4861, 4.3: without the option that tells a link-layer address.
  Build bare;
  bare.source = "::";
  bare.destination = "ff02::1:ff00:2";
  bare.destination_mac = "33:33:ff:00:00:02";
  bare.protocol = protocol_icmp6;
  bare.icmp_type = Icmp::neighbour_solicitation;
  bare.icmp_id = bare.icmp_sequence = 0;
  bare.ttl = 255;
  bare.payload = Bytes(probe.begin() + ethernet_bytes + ipv6_bytes + 8,
                       probe.begin() + ethernet_bytes + ipv6_bytes + 24);
  Outcome answer = bench.process_one(Frame(bare.frame()));
  ASSERT_TRUE(answer.sent());
  const Headers h = answer.headers();
  EXPECT_EQ(testing::to_hex(Bytes(h.destination(), h.destination() + 16)),
            testing::to_hex(testing::from_hex("ff020000000000000000000000000001")));
  EXPECT_EQ(h.ethernet().destination()[0], 0x33);
  EXPECT_EQ(h.icmp().rest(), 0x20000000u) << "override, not solicited";
}

// tcp-source, connected with 10.0.0.9 whose window is large.
class Source : public ::testing::Test {
 protected:
  void SetUp() override {
    TcpSource::Config config{};
    config.server = testing::address_of("10.0.0.9", 0);
    config.port = 5001;
    ASSERT_TRUE(bench_.configure(config));
    bench_.transmit();  // asks for the neighbour
    bench_.process_one(Frame(testing::arp_request("10.0.0.9", "10.0.0.2")));
    bench_.now_ns += 2'000'000'000;
    auto call = bench_.transmit();
    ASSERT_EQ(call.size(), 1u);
    const Headers h = headers_of(call[0]);
    ASSERT_EQ(h.tcp().flags(), Tcp::syn);
    our_port_ = h.tcp().source();
    first_ = h.tcp().sequence();
    bench_.process_one(Frame(server(Tcp::syn | Tcp::ack, 0, 1).frame()));
    data_ = bench_.transmit();
    ASSERT_FALSE(data_.empty());
  }
  Build server(int flags, uint32_t sequence, uint32_t acknowledged) const {
    Build build;
    build.source = "10.0.0.9";
    build.destination = "10.0.0.2";
    build.destination_mac = "02:00:00:00:01:00";
    build.protocol = protocol_tcp;
    build.source_port = 5001;
    build.destination_port = our_port_;
    build.tcp_flags = static_cast<uint8_t>(flags);
    build.sequence = 7000 + sequence;
    build.acknowledged = first_ + acknowledged;
    build.payload.clear();
    return build;
  }
  // A router could not pass on the segment with this number.
  Bytes too_big(uint32_t sequence, uint16_t mtu) const {
    Build quoted = server(Tcp::ack, 0, 0);
    std::swap(quoted.source, quoted.destination);
    std::swap(quoted.source_port, quoted.destination_port);
    quoted.sequence = sequence;
    const Bytes packet = quoted.frame();
    Build error = server(0, 0, 0);
    error.source = "10.0.0.1";
    error.protocol = protocol_icmp;
    error.icmp_type = Icmp::unreachable;
    error.icmp_code = Icmp::code_needs_fragment;
    error.icmp_id = 0;
    error.icmp_sequence = mtu;
    error.payload = Bytes(packet.begin() + ethernet_bytes, packet.begin() + ethernet_bytes + 28);
    return error.frame();
  }

  static constexpr uint32_t fallback = tcp::fallback_mss;
  Bench<TcpSource> bench_;
  uint16_t our_port_ = 0;
  uint32_t first_ = 0;
  std::vector<Bytes> data_;
};

TEST_F(Source, what_it_sends_is_the_pattern) {
  const Headers h = headers_of(data_[0]);
  const uint8_t* payload = h.tcp().at + h.tcp().header_length();
  const uint32_t count = h.transport_bytes() - h.tcp().header_length();
  ASSERT_GT(count, 0u);
  tcp::Pattern pattern;
  pattern.prepare();
  EXPECT_TRUE(pattern.matches(0, payload, count));
}

// The peer's MSS is 536, as its SYN has no option.
TEST_F(Source, a_router_that_takes_less_is_believed) {
  EXPECT_EQ(bench_.segment_bytes, fallback);
  bench_.process_one(Frame(too_big(first_ + 1, 560)));
  auto again = bench_.transmit();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(headers_of(again[0]).tcp().sequence(), first_ + 1);
  EXPECT_EQ(bench_.segment_bytes, 520u);
}

TEST_F(Source, nothing_becomes_smaller_for_what_is_not_under_way) {
  bench_.process_one(Frame(too_big(first_ + 1'000'000, 552)));
  EXPECT_TRUE(bench_.transmit().empty());
}

TEST_F(Source, a_forger_cannot_make_pieces_tiny) {
  bench_.process_one(Frame(too_big(first_ + 1, 68)));
  auto again = bench_.transmit();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(bench_.segment_bytes, 512u);
}

}  // namespace
}  // namespace vireo::vnf
