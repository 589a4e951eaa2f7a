// SPDX-License-Identifier: Apache-2.0
#include "vmm/platform_link.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "vmm/vmm_protocol.h"

namespace vireo::vmm {

int PlatformLink::fd() const { return closed_ ? -1 : fd_agent; }

static void take_fds(msghdr& raw, ReceivedMessage& message) {
  message.fd_count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&raw); part != nullptr; part = CMSG_NXTHDR(&raw, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    message.fd_count = static_cast<unsigned>(count);
    std::memcpy(message.fds, CMSG_DATA(part), count * sizeof(int));
  }
}

bool PlatformLink::receive(int64_t patience_us, ReceivedMessage& message) {
  if (closed_) return false;
  if (patience_us != -1) {
    pollfd more{fd_agent, POLLIN, 0};
    const timespec time{patience_us / 1'000'000, patience_us % 1'000'000 * 1000};
    if (::ppoll(&more, 1, &time, nullptr) <= 0) return false;
  }
  iovec part{buffer_, sizeof buffer_};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof message.fds)];
  msghdr raw{};
  raw.msg_iov = &part;
  raw.msg_iovlen = 1;
  raw.msg_control = control;
  raw.msg_controllen = sizeof control;
  ssize_t got = -1;
  do {
    got = ::recvmsg(fd_agent, &raw, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) closed_ = true;
  if (got < static_cast<ssize_t>(sizeof message.header)) return false;
  std::memcpy(&message.header, buffer_, sizeof message.header);
  message.payload = buffer_ + sizeof message.header;
  take_fds(raw, message);
  return message.header.length == static_cast<size_t>(got) - sizeof message.header;
}

bool PlatformLink::send(uint32_t type, uint32_t value, const void* payload, uint32_t bytes) {
  vnf::AgentHeader header{type, bytes, value, 0};
  iovec parts[] = {{&header, sizeof header}, {const_cast<void*>(payload), bytes}};
  msghdr raw{};
  raw.msg_iov = parts;
  raw.msg_iovlen = 2;
  for (int attempt = 0; attempt < 2; attempt++) {
    if (::sendmsg(fd_agent, &raw, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
    if (errno != EAGAIN) return false;
    // A state is larger than the socket's buffer: give the platform time to read, once a message.
    pollfd room{fd_agent, POLLOUT, 0};
    const timespec patience{2, 0};
    if (::ppoll(&room, 1, &patience, nullptr) <= 0) return false;
  }
  return false;
}

}  // namespace vireo::vmm
