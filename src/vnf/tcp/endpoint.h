// SPDX-License-Identifier: Apache-2.0
// The TCP/IP of a function that ends traffic: connections of its ports' addresses, and what these
// owe their links (ARP, neighbour discovery, ping, resets for what is not open). IPv4 and IPv6,
// without options, extension headers and fragments.
//
// The function hands its batches to process(), which takes packets in, and to transmit(), which
// puts out what is due. Memory is asked for once: a receive window for each connection.
#pragma once
#include "vnf/function.h"
#include "vnf/refusal.h"
#include "vnf/routing/neighbours.h"
#include "vnf/routing/routes.h"
#include "vnf/tcp/connection.h"
#include "vnf/tcp/packets.h"

namespace vireo::vnf::tcp {

// What is above TCP. A connection is named by its number, from 1 on; numbers are used again.
struct Application {
  void* context;
  void (*opened)(void* context, uint32_t number);  // by a peer; the handshake goes on
  // The peer's stream: each byte once, in order; valid during the call.
  void (*take)(void* context, uint32_t number, const uint8_t* bytes, uint32_t count);
  // Our stream: where any part of what was offered lies, in one piece, until it is acknowledged.
  const uint8_t* (*part)(void* context, uint32_t number, uint64_t offset, uint32_t count);
  void (*peer_finished)(void* context, uint32_t number);
  void (*closed)(void* context, uint32_t number);  // its number is free after this
};

class Endpoint {
 public:
  struct Options {
    uint32_t connections;   // at once
    uint32_t window_bytes;  // a power of two; less when there is no memory
    uint16_t listens;       // 0: nobody may call us
  };
  // A fault, or nullptr.
  const char* configure(const Context& context, const Options& options,
                        const Application& application);
  void process(Batch& batch);
  // When it has to be called again though no packet came; 0: there is more to send.
  uint64_t transmit(Batch& batch);

  // The number of a new connection; 0: no room, or no way to that address.
  uint32_t call(const AbiAddress& to, uint16_t port, uint64_t now_ns);
  Connection& connection(uint32_t number) { return slots_[number].connection; }
  uint32_t open() const { return ends_.size(); }
  uint64_t resets() const { return resets_; }  // that we sent to segments of no connection

 private:
  struct Key {
    uint8_t ours[16], theirs[16];
    uint16_t our_port, their_port;
    uint8_t family, port, reserved[2];
  };
  struct Ends {
    Key key;
    uint32_t next;
    bool used;
  };
  struct Slot {
    Connection connection;
    Path path;
    uint8_t hop[16];
    bool resolved;         // whether `their_mac` is known
    bool finish_reported;  // peer_finished has been called
    uint16_t datagram;
  };

  void reserve_windows(const Context& context);
  void handle(Packet& packet);
  void handle_tcp(Packet& packet, const Headers& h);
  void refuse(Packet& packet, const Headers& h);
  void answer_call(Packet& packet, const Headers& h, const Key& key, const Segment& syn);
  bool take_too_big(const Packet& packet, const Headers& h);
  void receive(uint32_t number, Packet& packet, const Headers& h, const Segment& segment);
  static Key key_of(const Packet& packet, const Headers& h);
  static Key turned(const Key& key);
  uint32_t find(const Key& key) const;
  uint32_t insert(const Key& key);
  void make_room();
  void release(uint32_t number);
  void set_path(uint32_t number, const Key& key);
  Connection::Setup setup(uint32_t number, const Key& key);
  uint64_t transmit(uint32_t number, Batch& batch);
  bool resolve(Slot& slot, Batch& batch);
  void put(uint32_t number, const Segment& segment, Packet& packet);

  const Identity* identity_ = nullptr;
  Application application_ = {};
  Options options_ = {};
  HashKey hash_key_;
  FlowTable<Ends> ends_;
  Slot* slots_ = nullptr;     // by number
  uint8_t* rings_ = nullptr;  // by number - 1
  Neighbours neighbours_;
  Routes routes_;
  RefusalLimit limit_;
  uint64_t now_ns_ = 0, resets_ = 0;
  uint32_t cursor_ = 0, calls_ = 0;
};

}  // namespace vireo::vnf::tcp
