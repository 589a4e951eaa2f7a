// SPDX-License-Identifier: Apache-2.0
// A door that opens to who knocks: TCP to one port passes only from an IPv4 address that has sent a
// TCP SYN or a UDP packet to each of three ports, in their order. Knocks reach nobody. Transparent;
// the protected side is behind the second port.
#include <vireo/function.h>

namespace {

using namespace vireo::vnf;

constexpr FieldTable port_field(const char* name, uint32_t offset, const char* help) {
  return {.name = name,
          .type = Field::u16,
          .offset = offset,
          .minimum = 1,
          .maximum = 65535,
          .required = true,
          .help = help};
}
constexpr FieldTable time_field(const char* name, uint32_t offset, const char* fallback,
                                const char* help) {
  return {.name = name,
          .type = Field::duration_ms,
          .offset = offset,
          .minimum = 100,
          .maximum = 86'400'000,
          .fallback = fallback,
          .help = help};
}

class PortKnocker {
 public:
  struct Config {
    uint16_t first, second, third;
    uint16_t port;      // behind the door
    uint32_t patience;  // ms between two knocks
    uint32_t open;      // ms, from the last packet on
  };
  static constexpr FieldTable fields[] = {
      port_field("first", offsetof(Config, first), "the port of the first knock"),
      port_field("second", offsetof(Config, second), "of the second"),
      port_field("third", offsetof(Config, third), "of the third"),
      port_field("port", offsetof(Config, port), "the TCP port behind the door"),
      time_field("patience", offsetof(Config, patience), "\"5s\"", "between two knocks at most"),
      time_field("open", offsetof(Config, open), "\"60s\"",
                 "how long it stays open without a packet"),
  };
  static constexpr const char* counters[] = {"passed", "knocks", "opened", "refused"};
  static constexpr FunctionTable table = {.name = "port-knocker",
                                          .summary = "opens a TCP port to who knocks",
                                          .role = Role::transparent,
                                          .ports = Ports::packet,
                                          .fewest_ports = 2,
                                          .most_ports = 2,
                                          .config_size = sizeof(Config),
                                          .fields = fields,
                                          .field_count = array_size(fields),
                                          .counters = counters,
                                          .counter_count = array_size(counters)};

  bool configure(const Context& context, const Config& config) {
    config_ = config;
    vitals_ = context.vitals;
    key_ = hash_key_of(*context.identity);
    if (guests_.reserve(context.memory, 4096)) return true;
    context.fail("no memory for guests");
    return false;
  }
  void process(Batch& batch) {
    const uint64_t now_ms = batch.now_ns / 1'000'000;
    for (uint32_t i = 0; i < batch.count; i++) {
      Packet& packet = batch.packets[i];
      packet.out = packet.in ^ 1u;
      if (packet.in == 0) handle(packet, now_ms);
    }
  }
  // Who has gone away is forgotten.
  void tick(uint64_t now_ns) {
    guests_.sweep(512, [&](uint32_t at) {
      const uint64_t stays = guests_[at].knocks == 3 ? config_.open : config_.patience;
      if (now_ns / 1'000'000 - guests_[at].seen_ms > stays) guests_.erase(hash_at(at), at);
    });
    vitals_->flows = guests_.size();
  }

 private:
  struct Guest {
    uint8_t address[8];  // the last four are zero
    uint64_t seen_ms;
    uint32_t next;
    bool used;
    uint8_t knocks;
  };
  struct Key {
    uint8_t address[8];
  };
  enum Counter { passed, knocks, opened, refused };

  uint32_t hash_at(uint32_t at) const {
    Key key;
    copy_bytes(key.address, guests_[at].address, 8);
    return hash_of(key_, key);
  }
  void drop(Packet& packet, Counter counter) {
    vitals_->counters[counter]++;
    packet.out = to_nowhere;
    packet.drop = drop_policy;
  }

  void handle(Packet& packet, uint64_t now_ms) {
    Headers h;
    const bool ours = parse(packet, h) && h.network == Network::ipv4 &&
                      (h.transport == Transport::tcp || h.transport == Transport::udp);
    if (!ours) return void(vitals_->counters[passed]++);
    const bool tcp = h.transport == Transport::tcp;
    const uint16_t port = h.udp().destination();  // at the same place in both
    const bool knocking = !tcp || (h.tcp().flags() & (Tcp::syn | Tcp::ack)) == Tcp::syn;
    const bool knock = port == config_.first || port == config_.second || port == config_.third;
    Key key{};
    copy_bytes(key.address, h.source(), 4);
    const uint32_t at = guests_.find(hash_of(key_, key), [&](const Guest& guest) {
      return same_bytes(guest.address, key.address, 8);
    });
    if (knocking && knock) return take_knock(packet, key, at, port, now_ms);
    if (!tcp || port != config_.port) return void(vitals_->counters[passed]++);
    const bool open =
        at != no_entry && guests_[at].knocks == 3 && now_ms - guests_[at].seen_ms <= config_.open;
    if (!open) return drop(packet, refused);
    guests_[at].seen_ms = now_ms;
    vitals_->counters[passed]++;
  }

  void take_knock(Packet& packet, const Key& key, uint32_t at, uint16_t port, uint64_t now_ms) {
    drop(packet, knocks);
    if (at == no_entry) {
      if (port != config_.first) return;
      at = guests_.insert(hash_of(key_, key));
      if (at == no_entry) return;  // too many guests: nobody is let in
      copy_bytes(guests_[at].address, key.address, 8);
    }
    Guest& guest = guests_[at];
    const uint16_t order[] = {config_.first, config_.second, config_.third};
    const bool late = now_ms - guest.seen_ms > config_.patience;
    if (guest.knocks == 3) return;
    if (late || port != order[guest.knocks]) guest.knocks = 0;
    guest.knocks = static_cast<uint8_t>(guest.knocks + (port == order[guest.knocks]));
    guest.seen_ms = now_ms;
    if (guest.knocks == 3) vitals_->counters[opened]++;
  }

  Config config_{};
  Vitals* vitals_ = nullptr;
  FlowTable<Guest> guests_;
  HashKey key_;
};

}  // namespace

VIREO_FUNCTION(PortKnocker);
