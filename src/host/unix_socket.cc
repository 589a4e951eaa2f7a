// SPDX-License-Identifier: Apache-2.0
#include "host/unix_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>

namespace vireo {
namespace {

int type_of(SocketKind kind) { return kind == SocketKind::packets ? SOCK_SEQPACKET : SOCK_STREAM; }

// A socket address that stays short whatever the length of the path: by a descriptor of the folder.
struct Address {
  Fd folder;
  sockaddr_un name{};
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&name); }
};

Result<Address> address_of(const std::string& path) {
  Address address;
  address.name.sun_family = AF_UNIX;
  std::string text = path;
  if (text.size() >= sizeof address.name.sun_path) {
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    address.folder = Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!address.folder) return system_error(fmt::format("cannot open {}", folder));
    text = fmt::format("/proc/self/fd/{}/{}", address.folder.get(), path.substr(slash + 1));
  }
  if (text.size() >= sizeof address.name.sun_path) {
    return Error{Errc::invalid, fmt::format("the name of the socket {} is too long", path)};
  }
  text.copy(address.name.sun_path, text.size());
  return address;
}

Result<Fd> new_socket(SocketKind kind) {
  Fd socket(::socket(AF_UNIX, type_of(kind) | SOCK_CLOEXEC, 0));
  if (!socket) return system_error("cannot make a unix socket");
  return socket;
}

Result<void> wait_readable(const Fd& fd, std::chrono::milliseconds timeout) {
  pollfd wanted{fd.get(), POLLIN, 0};
  int ready = -1;
  do ready = ::poll(&wanted, 1, static_cast<int>(timeout.count()));
  while (ready < 0 && errno == EINTR);
  if (ready < 0) return system_error("cannot wait for a unix socket");
  if (ready == 0) return Error{Errc::timed_out, "nothing came over the unix socket in time"};
  return {};
}

Error gone() { return Error{Errc::unavailable, "the peer has closed the connection"}; }

}  // namespace

Result<UnixSocket> UnixSocket::connect(const std::string& path, SocketKind kind) {
  const Address address = TRY(address_of(path));
  Fd socket = TRY(new_socket(kind));
  if (::connect(socket.get(), address.raw(), sizeof address.name) == 0) {
    return UnixSocket(std::move(socket));
  }
  if (errno == ECONNREFUSED) {
    return Error{Errc::unavailable, fmt::format("nobody listens on {}", path)};
  }
  return system_error(fmt::format("cannot connect to {}", path));
}

Result<std::pair<UnixSocket, UnixSocket>> UnixSocket::pair(SocketKind kind) {
  int raw[2];
  if (::socketpair(AF_UNIX, type_of(kind) | SOCK_CLOEXEC, 0, raw) != 0) {
    return system_error("cannot make a pair of unix sockets");
  }
  return std::pair(UnixSocket(Fd(raw[0])), UnixSocket(Fd(raw[1])));
}

Result<void> UnixSocket::send(std::string_view bytes, std::span<const int> fds) const {
  while (!bytes.empty()) {
    const ssize_t sent = send_with_fds(socket_.get(), bytes, fds);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return gone();
    if (sent < 0) return system_error("cannot send over the unix socket");
    bytes.remove_prefix(static_cast<size_t>(sent));
    fds = {};
  }
  return {};
}

Result<PassedMessage> UnixSocket::receive(size_t limit, std::chrono::milliseconds timeout) const {
  TRY(wait_readable(socket_, timeout));
  PassedMessage message;
  const int got = receive_with_fds(socket_.get(), limit, message, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return gone();
  if (got < 0 && errno == EAGAIN) return Error{Errc::timed_out, "another thread was faster"};
  if (got < 0) return system_error("cannot receive from the unix socket");
  if (message.fds_lost) {
    return Error{Errc::exhausted, "passed descriptors were lost: too many open files"};
  }
  if (message.cut) return Error{Errc::corrupt, fmt::format("a message of over {} bytes", limit)};
  return message;
}

Result<PeerCredentials> UnixSocket::peer() const {
  ucred raw{};
  socklen_t size = sizeof raw;
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &raw, &size) != 0) {
    return system_error("cannot ask who the peer is");
  }
  return PeerCredentials{raw.pid, raw.uid, raw.gid};
}

Result<UnixListener> UnixListener::listen(const std::string& path, SocketKind kind, unsigned mode) {
  const Address address = TRY(address_of(path));
  Fd socket = TRY(new_socket(kind));
  struct stat old {};
  if (::lstat(path.c_str(), &old) == 0 && S_ISSOCK(old.st_mode)) ::unlink(path.c_str());
  if (::bind(socket.get(), address.raw(), sizeof address.name) != 0) {
    if (errno == EADDRINUSE) return Error{Errc::conflict, fmt::format("{} is no socket", path)};
    return system_error(fmt::format("cannot bind {}", path));
  }
  // Before listen(): until then nobody can connect with the rights of the umask.
  if (::chmod(path.c_str(), mode) != 0) return system_error(fmt::format("cannot chmod {}", path));
  if (::listen(socket.get(), SOMAXCONN) != 0) {
    return system_error(fmt::format("cannot listen on {}", path));
  }
  return UnixListener(std::move(socket));
}

Result<UnixSocket> UnixListener::accept(std::chrono::milliseconds timeout) const {
  TRY(wait_readable(socket_, timeout));
  Fd socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return system_error("cannot accept a connection");
  return UnixSocket(std::move(socket));
}

}  // namespace vireo
