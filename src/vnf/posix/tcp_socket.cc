// SPDX-License-Identifier: Apache-2.0
#include "vnf/posix/tcp_socket.h"

#include "vnf/bytes.h"

namespace vireo::vnf::posix {

namespace {

constexpr int family4 = 2, family6 = 10;
constexpr int stream = 1, non_blocking = 0x800, close_on_exec = 0x80000;
constexpr int level_socket = 1, level_tcp = 6, level_ip6 = 41;
constexpr int option_reuse = 2, option_error = 4, option_congestion = 13, option_only6 = 26;

// struct sockaddr_in and sockaddr_in6.
struct SocketAddress {
  uint16_t family;
  uint8_t port[2];
  union {
    uint8_t address4[4];
    uint8_t flow[4];
  };
  uint8_t address6[16];
  uint32_t scope;
};
static_assert(sizeof(SocketAddress) == 28);

uint32_t bytes_of(const SocketAddress& address) { return address.family == family4 ? 16 : 28; }

long open_socket(int family) {
  return system_call(__NR_socket, family, stream | non_blocking | close_on_exec, 0);
}

long set_option(int socket, int level, int option, int value) {
  return system_call(__NR_setsockopt, socket, level, option, address(&value), sizeof value);
}

long set_congestion(int socket, const char* name) {
  uint32_t length = 0;
  while (name[length] != 0) length++;
  if (length == 0) return 0;
  return system_call(__NR_setsockopt, socket, level_tcp, option_congestion, address(name), length);
}

long closed(int socket, long error) {
  close(socket);
  return error;
}

long listen_on(int family, uint16_t port) {
  const long made = open_socket(family);
  if (made < 0) return made;
  const int socket = static_cast<int>(made);
  set_option(socket, level_socket, option_reuse, 1);
  if (family == family6) set_option(socket, level_ip6, option_only6, 0);
  SocketAddress any{};
  any.family = static_cast<uint16_t>(family);
  store16(any.port, port);
  long result = system_call(__NR_bind, socket, address(&any), bytes_of(any));
  if (result == 0) result = system_call(__NR_listen, socket, 64);
  return result < 0 ? closed(socket, result) : socket;
}

}  // namespace

long listen_tcp(uint16_t port) {
  const long both = listen_on(family6, port);
  return both >= 0 ? both : listen_on(family4, port);
}

long accept_tcp(int listener) {
  return system_call(__NR_accept4, listener, 0, 0, non_blocking | close_on_exec);
}

long begin_connect_tcp(const AbiAddress& to, uint16_t port, const char* congestion) {
  const long made = open_socket(to.family == 4 ? family4 : family6);
  if (made < 0) return made;
  const int socket = static_cast<int>(made);
  if (const long refused = set_congestion(socket, congestion); refused < 0)
    return closed(socket, refused);
  SocketAddress peer{};
  peer.family = to.family == 4 ? family4 : family6;
  store16(peer.port, port);
  copy_bytes(to.family == 4 ? peer.address4 : peer.address6, to.bytes, to.family == 4 ? 4 : 16);
  const long result = system_call(__NR_connect, socket, address(&peer), bytes_of(peer));
  return result < 0 && result != error_in_progress ? closed(socket, result) : socket;
}

long connect_result(int socket) {
  int error = 0;
  int bytes = sizeof error;
  const long result = system_call(__NR_getsockopt, socket, level_socket, option_error,
                                  address(&error), address(&bytes));
  return result < 0 ? result : -error;
}

bool congestion_allowed(const char* congestion) {
  const long made = open_socket(family4);
  if (made < 0) return false;
  const int socket = static_cast<int>(made);
  return closed(socket, set_congestion(socket, congestion)) == 0;
}

}  // namespace vireo::vnf::posix
