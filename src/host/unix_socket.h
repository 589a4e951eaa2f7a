// SPDX-License-Identifier: Apache-2.0
// Unix sockets with descriptor passing and peer credentials (unix(7)). Paths may be longer than the
// 107 bytes of a socket address.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "host/fd_passing.h"

namespace vireo {

enum class SocketKind { packets, stream };  // SOCK_SEQPACKET: message borders kept; SOCK_STREAM

struct PeerCredentials {
  pid_t pid = 0;  // 0: not in our pid namespace
  uid_t uid = 0;
  gid_t gid = 0;
};

// A connected socket. send() may be called from several threads; so may receive(). Move only.
class UnixSocket {
 public:
  UnixSocket() = default;
  explicit UnixSocket(Fd socket) : socket_(std::move(socket)) {}
  // Errc::not_found: no such file; Errc::unavailable: nobody listens.
  static Result<UnixSocket> connect(const std::string& path, SocketKind kind);
  static Result<std::pair<UnixSocket, UnixSocket>> pair(SocketKind kind);

  // The whole of `bytes` (at least one), with duplicates of `fds` (at most 253). Waits while the
  // peer's queue is full. Errc::unavailable: the peer is gone.
  Result<void> send(std::string_view bytes, std::span<const int> fds = {}) const;
  // One message (packets) or what is there (stream), at most `limit` bytes. Errc::timed_out:
  // nothing came in time (a zero timeout only looks); Errc::unavailable: the peer has closed;
  // Errc::exhausted: passed descriptors did not fit this process's table; Errc::corrupt: a packet
  // over the limit.
  Result<PassedMessage> receive(size_t limit, std::chrono::milliseconds timeout) const;

  Result<PeerCredentials> peer() const;  // as of connect() or listen()
  const Fd& fd() const { return socket_; }

 private:
  Fd socket_;
};

// A listening socket. Does not remove its file.
class UnixListener {
 public:
  // Replaces a socket file that is there: the caller makes sure that nobody serves it.
  static Result<UnixListener> listen(const std::string& path, SocketKind kind, unsigned mode);
  Result<UnixSocket> accept(std::chrono::milliseconds timeout) const;
  const Fd& fd() const { return socket_; }

 private:
  explicit UnixListener(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

}  // namespace vireo
