// SPDX-License-Identifier: Apache-2.0
// One message with descriptors over a unix socket (unix(7), SCM_RIGHTS). Header only and free of
// our libraries, so that small static programs use it too; the daemon uses host/unix_socket.h.
#pragma once
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace vireo {

constexpr size_t max_passed_fds = 253;  // SCM_MAX_FD of the kernel

// Bytes sent, or -1 with errno. The receiver gets duplicates. At least one byte is needed.
inline ssize_t send_with_fds(int socket, std::string_view bytes, std::span<const int> fds,
                             int flags = 0) {
  alignas(cmsghdr) char space[CMSG_SPACE(max_passed_fds * sizeof(int))] = {};
  if (fds.size() > max_passed_fds) return errno = EINVAL, -1;
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = space;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(head), fds.data(), fds.size_bytes());
  }
  ssize_t sent = -1;
  do sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | flags);
  while (sent < 0 && errno == EINTR);
  return sent;
}

struct PassedMessage {
  std::string bytes;
  std::vector<Fd> fds;
  bool fds_lost = false;  // this process's descriptor table was full
  bool cut = false;       // longer than the limit: the rest is gone
};

// 1: a message, 0: the peer has closed, -1: errno.
inline int receive_with_fds(int socket, size_t limit, PassedMessage& into, int flags = 0) {
  alignas(cmsghdr) char space[CMSG_SPACE(max_passed_fds * sizeof(int))];
  // Most messages are a few bytes: not to write all that one might have leaves the caches alone.
  const auto room = std::make_unique_for_overwrite<char[]>(limit);
  iovec part{room.get(), limit};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  ssize_t size = -1;
  do size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
  while (size < 0 && errno == EINTR);
  if (size <= 0) return into.bytes.clear(), static_cast<int>(size);
  into.bytes.assign(room.get(), static_cast<size_t>(size));
  into.fds_lost = (message.msg_flags & MSG_CTRUNC) != 0;
  into.cut = (message.msg_flags & MSG_TRUNC) != 0;
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
       head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::vector<int> raw(count);
    std::memcpy(raw.data(), CMSG_DATA(head), count * sizeof(int));
    for (int fd : raw) into.fds.emplace_back(fd);
  }
  return 1;
}

}  // namespace vireo
