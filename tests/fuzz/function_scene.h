// SPDX-License-Identifier: Apache-2.0
// One network function, driven by the input: batches of frames, time, states of other generations.
#pragma once
#include "packets.h"
#include "run_memory.h"
#include "vnf/testing.h"

namespace vireo::fuzz {

inline void refuse_nothing(const char* reason) { require(false, reason); }
inline void log_nothing(const char* line) {
  require(std::strlen(line) < 4096, "a line of the log has no end");
}

// `answers`: F makes packets of its own in the room of others.
template <class F>
class FunctionScene {
 public:
  FunctionScene(const vnf::Identity& identity, const typename F::Config& config, bool answers)
      : identity_(identity), config_(config), answers_(answers) {
    RunMemory::instance().reset();
    function_ = make();
  }

  void run(Input& input) {
    while (!input.empty()) {
      switch (input.take<uint8_t>() % 6) {
        case 0:
          advance(input);
          break;
        case 1:
          import(input);
          break;
        case 2:
          if (hand_overs_++ < most_hand_overs) hand_over();
          break;
        default:
          process(input);
          break;
      }
    }
  }

 private:
  static constexpr uint32_t most_packets = 4, most_hand_overs = 4;
  using Buffers = std::array<PacketBuffer, most_packets>;
  using Packets = std::array<vnf::Packet, most_packets>;

  std::unique_ptr<F> make() {
    auto function = std::make_unique<F>();
    const vnf::Context context{&identity_, &vitals_, RunMemory::take, refuse_nothing, log_nothing};
    require(function->configure(context, config_), "a good configuration is refused");
    function->tick(now_ns_);
    return function;
  }

  void advance(Input& input) {
    now_ns_ += uint64_t{input.take<uint16_t>()} * 10'000'000;
    function_->tick(now_ns_);
    transmit();
  }

  void import(Input& input) {
    if constexpr (F::table.state_version != 0) {
      const auto version = input.take<uint8_t>();
      const auto bytes = input.take_bytes(input.take<uint16_t>());
      vnf::testing::StateReader reader(version, {bytes.begin(), bytes.end()});
      function_->import_state(reader);
    }
  }

  // The next generation understands whatever this one has come to.
  void hand_over() {
    if constexpr (F::table.state_version != 0) {
      vnf::testing::StateBytes state;
      function_->export_state(state);
      vnf::testing::StateReader reader(F::table.state_version, std::move(state.bytes));
      function_ = make();
      require(function_->import_state(reader), "an exported state is not understood");
    }
  }

  void process(Input& input) {
    static Buffers buffers, extra_buffers;
    Packets packets, extra;
    std::array<bool, most_packets> right{};
    const uint32_t count = 1 + input.take<uint8_t>() % most_packets;
    for (uint32_t i = 0; i < count; i++) {
      packets[i] = buffers[i].packet_from(input, identity_.port_count, !answers_);
      right[i] = PacketBuffer::right(packets[i]);
    }
    for (uint32_t i = 0; i < most_packets; i++) extra[i] = extra_buffers[i].empty(0);
    vnf::Batch batch{packets.data(), count, now_ns_, extra.data(), most_packets, 0};
    function_->process(batch);
    for (uint32_t i = 0; i < count; i++) {
      buffers[i].check(packets[i], identity_.port_count);
      if (right[i] && packets[i].out != vnf::to_nowhere)
        require(PacketBuffer::right(packets[i]) || is_neighbour_talk(packets[i]),
                "a right packet has become a wrong one");
    }
    check_extra(batch, extra_buffers, extra);
    transmit();
  }

  // What it sends of its own accord: as often as a back-end asks, at one time.
  void transmit() {
    if constexpr (requires(F & function, vnf::Batch & batch) { function.transmit(batch); }) {
      static Buffers buffers;
      Packets extra;
      for (int round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < most_packets; i++) extra[i] = buffers[i].empty(0);
        vnf::Batch batch{nullptr, 0, now_ns_, extra.data(), most_packets, 0};
        const uint64_t due = function_->transmit(batch);
        check_extra(batch, buffers, extra);
        if (due > now_ns_) return;
      }
    }
  }

  void check_extra(const vnf::Batch& batch, const Buffers& buffers, const Packets& extra) const {
    require(batch.extra_count <= most_packets, "more packets than there was room for");
    for (uint32_t i = 0; i < batch.extra_count; i++) {
      buffers[i].check(extra[i], identity_.port_count);
      require(is_neighbour_talk(extra[i]) || is_partial(extra[i]) || PacketBuffer::right(extra[i]),
              "a wrong packet of the function's own");
    }
  }

  static bool is_neighbour_talk(const vnf::Packet& packet) {
    vnf::Headers h;
    return parse(packet, h) && h.network == vnf::Network::arp;
  }

  // Its sum is the device's to finish, its rest may lie elsewhere.
  static bool is_partial(const vnf::Packet& packet) {
    std::string frame(reinterpret_cast<const char*>(packet.data), packet.length);
    frame.append(reinterpret_cast<const char*>(packet.rest), packet.rest_bytes);
    vnf::Packet whole = packet;
    whole.data = reinterpret_cast<uint8_t*>(frame.data());
    whole.length = static_cast<uint32_t>(frame.size());
    vnf::Headers h;
    return parse(whole, h) && partial_checksum(packet, h);
  }

  const vnf::Identity& identity_;
  const typename F::Config& config_;
  const bool answers_;
  vnf::Vitals vitals_{};
  uint32_t hand_overs_ = 0;
  uint64_t now_ns_ = 1'000'000'000;
  std::unique_ptr<F> function_;
};

// 192.0.2.2/24 and 2001:db8:1::2/64 on port 0 with gateways, 10.0.0.1/24 and 2001:db8:2::1/64 on
// port 1; a neighbour each.
inline const vnf::Identity& two_links() {
  static const std::unique_ptr<vnf::Identity> identity = [] {
    using vnf::testing::address_of;
    auto made = vnf::testing::identity_of(
        {{"192.0.2.2/24", "2001:db8:1::2/64"}, {"10.0.0.1/24", "2001:db8:2::1/64"}});
    made->ports[0].gateway4 = address_of("192.0.2.1", 0);
    made->ports[0].gateway6 = address_of("2001:db8:1::1", 0);
    auto seed = [&](uint32_t port, std::string_view address, uint8_t last) {
      vnf::AbiNeighbour& neighbour =
          made->ports[port].neighbours[made->ports[port].neighbour_count++];
      neighbour = {address_of(address, 0), {2, 0, 0, 0, 9, last}, {}};
    };
    seed(0, "192.0.2.1", 1);
    seed(0, "2001:db8:1::1", 1);
    seed(1, "10.0.0.5", 5);
    seed(1, "2001:db8:2::5", 5);
    return made;
  }();
  return *identity;
}

}  // namespace vireo::fuzz
