// SPDX-License-Identifier: Apache-2.0
#include "vnf/tcp/endpoint.h"

#include "vnf/resolution.h"
#include "vnf/tcp/first_sequence.h"

namespace vireo::vnf::tcp {
namespace {

constexpr uint32_t resets_per_second = 1000;
constexpr uint16_t first_own_port = 49152;      // RFC 6335, 6
constexpr uint64_t resolve_ns = 1'000'000'000;  // neighbours are asked once a second

void drop(Packet& packet, DropReason reason) {
  packet.out = to_nowhere;
  packet.drop = static_cast<uint8_t>(reason);
}

}  // namespace

const char* Endpoint::configure(const Context& context, const Options& options,
                                const Application& application) {
  identity_ = context.identity;
  application_ = application;
  options_ = options;
  hash_key_ = hash_key_of(*identity_);
  limit_.set_rate(resets_per_second);
  routes_.configure(*identity_, 0);
  if ((options.window_bytes & (options.window_bytes - 1)) != 0)
    return "`window` must be a power of two";
  if (!neighbours_.configure(context, Neighbours::Node::host) ||
      !ends_.reserve(context.memory, options.connections))
    return "no memory for connections";
  slots_ = static_cast<Slot*>(context.memory((options.connections + 1) * sizeof(Slot)));
  reserve_windows(context);
  return slots_ == nullptr || rings_ == nullptr ? "no memory for `connections` times `window`"
                                                : nullptr;
}

// A small machine gets smaller windows than were asked for, down to what a slow path needs.
void Endpoint::reserve_windows(const Context& context) {
  constexpr uint32_t least = 1u << 18;
  for (;; options_.window_bytes /= 2) {
    const size_t bytes = size_t{options_.connections} * options_.window_bytes;
    rings_ = static_cast<uint8_t*>(context.memory(bytes));
    if (rings_ != nullptr || options_.window_bytes <= least) return;
  }
}

void Endpoint::process(Batch& batch) {
  now_ns_ = batch.now_ns;
  neighbours_.set_now(static_cast<int64_t>(now_ns_ / 1'000'000));
  for (uint32_t i = 0; i < batch.count; i++) handle(batch.packets[i]);
}

void Endpoint::handle(Packet& packet) {
  Headers h;
  if (!parse(packet, h)) return drop(packet, drop_malformed);
  if (h.vlan) return drop(packet, drop_unsupported);
  const AbiPort& port = identity_->ports[packet.in];
  if (!reaches(port, h)) return drop(packet, drop_policy);
  if (neighbours_.take(packet, h)) return;
  drop(packet, drop_policy);
  if (!h.ip() || h.ethernet().multicast() || !owns_address(port, h.family(), h.destination()))
    return;
  if (h.extended || h.fragment) return drop(packet, drop_unsupported);
  if (h.network == Network::ipv4 && ipv4_checksum(h.ipv4()) != h.ipv4().checksum())
    return drop(packet, drop_malformed);
  if (h.transport == Transport::tcp) return handle_tcp(packet, h);
  if (take_too_big(packet, h)) return;
  if (make_echo_reply(packet, h)) packet.out = packet.in;
}

// A router tells that a segment was too large (RFC 1191, RFC 8201). It is believed when it quotes
// one that is under way (RFC 5927, 7); Linux' least MTU of IPv4 keeps a forger from making segments
// tiny.
bool Endpoint::take_too_big(const Packet& packet, const Headers& h) {
  constexpr uint32_t least_ipv4 = 552, least_ipv6 = 1280;
  const bool v4 = h.transport == Transport::icmp;
  if (!v4 && h.transport != Transport::icmp6) return false;
  const bool says_so =
      v4 ? h.icmp().type() == Icmp::unreachable && h.icmp().code() == Icmp::code_needs_fragment
         : h.icmp().type() == Icmp::too_big6 && h.icmp().code() == 0;
  Headers quoted;
  if (!says_so || !transport_checksum_valid(packet, h)) return false;
  if (!parse_quoted(h, quoted) || quoted.transport != Transport::tcp) return true;
  const uint32_t number = find(turned(key_of(packet, quoted)));
  if (number == no_entry) return true;
  const uint32_t told = v4 ? h.icmp().rest() & 0xffff : h.icmp().rest();
  const uint32_t mtu =
      told < (v4 ? least_ipv4 : least_ipv6) ? (v4 ? least_ipv4 : least_ipv6) : told;
  const uint32_t mss = mtu - ip_header_bytes(slots_[number].path.network) - tcp_bytes;
  connection(number).too_big(quoted.tcp().sequence(), mss);
  return true;
}

void Endpoint::handle_tcp(Packet& packet, const Headers& h) {
  if (!transport_checksum_valid(packet, h)) return drop(packet, drop_malformed);
  const Segment segment = segment_of(h);
  const Key key = key_of(packet, h);
  uint32_t number = find(key);
  const bool calls = (segment.flags & (Tcp::syn | Tcp::ack | Tcp::rst | Tcp::fin)) == Tcp::syn;
  if (number != no_entry && calls && connection(number).gives_way_to(segment)) {
    release(number);
    number = no_entry;
  }
  if (number != no_entry) return receive(number, packet, h, segment);
  if (calls && key.our_port == options_.listens) return answer_call(packet, h, key, segment);
  if (!segment.has(Tcp::rst)) refuse(packet, h);
}

void Endpoint::refuse(Packet& packet, const Headers& h) {
  if (!may_be_refused(h) || !limit_.take(static_cast<int64_t>(now_ns_ / 1'000'000))) return;
  resets_++;
  make_reset(packet, h);
  packet.out = packet.in;
}

void Endpoint::answer_call(Packet& packet, const Headers& h, const Key& key, const Segment& syn) {
  const uint32_t number = insert(key);
  if (number == no_entry) return drop(packet, drop_table_full);
  copy_bytes(slots_[number].path.their_mac, h.ethernet().source(), 6);
  slots_[number].resolved = true;
  connection(number).accept(setup(number, key), syn);
  packet.drop = drop_reason_count;  // taken, not dropped
  application_.opened(application_.context, number);
}

void Endpoint::receive(uint32_t number, Packet& packet, const Headers& h, const Segment& segment) {
  struct Receipt {
    Endpoint* endpoint;
    uint32_t number;
  } receipt{this, number};
  const Taker taker{&receipt, [](void* context, const uint8_t* bytes, uint32_t count) {
                      const Receipt& to = *static_cast<Receipt*>(context);
                      const Application& above = to.endpoint->application_;
                      above.take(above.context, to.number, bytes, count);
                    }};
  Slot& slot = slots_[number];
  packet.drop = drop_reason_count;
  // The way back is the way it came: a peer may have moved to another machine.
  copy_bytes(slot.path.their_mac, h.ethernet().source(), 6);
  slot.resolved = true;
  if (!slot.connection.receive(segment, now_ns_, taker)) return refuse(packet, h);
  if (!slot.connection.peer_finished() || slot.finish_reported) return;
  slot.finish_reported = true;
  application_.peer_finished(application_.context, number);
}

Endpoint::Key Endpoint::key_of(const Packet& packet, const Headers& h) {
  Key key = {};
  copy_bytes(key.ours, h.destination(), h.address_bytes());
  copy_bytes(key.theirs, h.source(), h.address_bytes());
  key.our_port = h.tcp().destination();
  key.their_port = h.tcp().source();
  key.family = h.family();
  key.port = packet.in;
  return key;
}

// Of a packet that we sent.
Endpoint::Key Endpoint::turned(const Key& key) {
  Key other = key;
  copy_bytes(other.ours, key.theirs, sizeof key.ours);
  copy_bytes(other.theirs, key.ours, sizeof key.theirs);
  other.our_port = key.their_port;
  other.their_port = key.our_port;
  return other;
}

uint32_t Endpoint::find(const Key& key) const {
  return ends_.find(hash_of(hash_key_, key), [&](const Ends& ends) {
    return __builtin_memcmp(&ends.key, &key, sizeof key) == 0;
  });
}

uint32_t Endpoint::insert(const Key& key) {
  if (ends_.full()) make_room();
  const uint32_t number = ends_.insert(hash_of(hash_key_, key));
  if (number == no_entry) return no_entry;
  ends_[number].key = key;
  slots_[number].resolved = slots_[number].finish_reported = false;
  set_path(number, key);
  return number;
}

// Who only waits for stray segments goes first, then who never finished the handshake.
void Endpoint::make_room() {
  constexpr State order[] = {State::closed, State::time_wait, State::syn_received};
  for (const State state : order)
    for (uint32_t number = 1; number < ends_.end(); number++)
      if (ends_[number].used && connection(number).state() == state) return release(number);
}

void Endpoint::release(uint32_t number) {
  application_.closed(application_.context, number);
  ends_.erase(hash_of(hash_key_, ends_[number].key), number);
}

void Endpoint::set_path(uint32_t number, const Key& key) {
  Path& path = slots_[number].path;
  copy_bytes(path.our_mac, routes_.mac(key.port), 6);
  copy_bytes(path.our_address, key.ours, 16);
  copy_bytes(path.their_address, key.theirs, 16);
  path.our_port = key.our_port;
  path.their_port = key.their_port;
  path.network = key.family == 4 ? Network::ipv4 : Network::ipv6;
  path.port = key.port;
}

Connection::Setup Endpoint::setup(uint32_t number, const Key& key) {
  const uint32_t headers = ip_header_bytes(slots_[number].path.network) + tcp_bytes;
  const uint32_t mtu = routes_.mtu(key.port);
  const uint32_t room = mtu < 65535 ? mtu : 65535;
  const uint32_t mss = room > headers + fallback_mss ? room - headers : uint32_t{fallback_mss};
  return {.first_sequence = first_sequence(*identity_, key, now_ns_),
          .mss = static_cast<uint16_t>(mss),
          .most_bytes = most_payload,
          .ring = rings_ + size_t{number - 1} * options_.window_bytes,
          .ring_bytes = options_.window_bytes};
}

uint32_t Endpoint::call(const AbiAddress& to, uint16_t port, uint64_t now_ns) {
  now_ns_ = now_ns;
  const Network network = to.family == 4 ? Network::ipv4 : Network::ipv6;
  const Routes::Hop hop = routes_.next_hop(network, to.bytes);
  if (hop.port == Routes::nowhere) return no_entry;
  const uint8_t* ours = routes_.address_of(hop.port, network);
  if (ours == nullptr) return no_entry;
  const uint32_t bytes = network == Network::ipv4 ? 4 : 16;
  Key key = {};
  copy_bytes(key.ours, ours, bytes);
  copy_bytes(key.theirs, to.bytes, bytes);
  key.their_port = port;
  key.family = to.family;
  key.port = hop.port;
  // RFC 6056, 3.3.3: each call from another port, where it begins is a secret.
  const uint64_t own = secret_hash(*identity_, key) + calls_++;
  key.our_port = static_cast<uint16_t>(first_own_port + own % (65536u - first_own_port));
  if (find(key) != no_entry) return no_entry;
  const uint32_t number = insert(key);
  if (number == no_entry) return no_entry;
  copy_bytes(slots_[number].hop, hop.address, bytes);
  connection(number).connect(setup(number, key));
  return number;
}

bool Endpoint::resolve(Slot& slot, Batch& batch) {
  if (slot.resolved) return true;
  const uint8_t* mac = neighbours_.find(slot.path.port, slot.path.network, slot.hop, batch);
  if (mac == nullptr) return false;
  copy_bytes(slot.path.their_mac, mac, 6);
  return slot.resolved = true;
}

// Everybody gets their turn: the next call begins where the room of this one ended.
uint64_t Endpoint::transmit(Batch& batch) {
  now_ns_ = batch.now_ns;
  neighbours_.set_now(static_cast<int64_t>(now_ns_ / 1'000'000));
  uint64_t due = never;
  for (uint32_t left = ends_.end() - 1; left > 0; left--) {
    if (++cursor_ >= ends_.end()) cursor_ = 1;
    if (!ends_[cursor_].used) continue;
    const uint64_t at = transmit(cursor_, batch);
    if (at == 0) return 0;
    if (at < due) due = at;
  }
  return due;
}

uint64_t Endpoint::transmit(uint32_t number, Batch& batch) {
  Slot& slot = slots_[number];
  if (!resolve(slot, batch)) return now_ns_ + resolve_ns;
  Segment segment;
  for (;;) {
    if (batch.extra_count >= batch.extra_room) return 0;
    if (!slot.connection.next(now_ns_, segment)) break;
    put(number, segment, batch.extra[batch.extra_count++]);
  }
  const uint64_t due = slot.connection.due();
  if (slot.connection.state() == State::closed) release(number);
  return due;
}

void Endpoint::put(uint32_t number, const Segment& segment, Packet& packet) {
  Slot& slot = slots_[number];
  write_packet(packet, slot.path, segment, slot.connection.mss(), slot.datagram++);
  if (segment.length == 0) return;
  packet.rest = application_.part(application_.context, number, segment.offset, segment.length);
  packet.rest_bytes = segment.length;
}

}  // namespace vireo::vnf::tcp
