// SPDX-License-Identifier: Apache-2.0
#include "host/netlink.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "host/namespace.h"

namespace vireo {
namespace {

constexpr size_t largest_send = 24 * 1024;  // below the kernel's default send buffer

Result<Fd> open_socket() {
  Fd made(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!made) return system_error("cannot open a netlink socket");
  const int on = 1;
  ::setsockopt(made.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  ::setsockopt(made.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(made.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  const int room = 4 << 20;
  ::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  return made;
}

// The kernel's own words about a refusal, when it has any.
std::string kernel_words(const nlmsghdr& head) {
  if ((head.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  const auto* at = reinterpret_cast<const char*>(&head) + NLMSG_HDRLEN + sizeof(nlmsgerr);
  const auto* end = reinterpret_cast<const char*>(&head) + head.nlmsg_len;
  while (at + sizeof(nlattr) <= end) {
    nlattr attribute{};
    std::memcpy(&attribute, at, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || at + attribute.nla_len > end) break;
    if (attribute.nla_type == NLMSGERR_ATTR_MSG) return std::string(at + sizeof attribute);
    at += NLMSG_ALIGN(attribute.nla_len);
  }
  return {};
}

int error_of(const nlmsghdr& head) { return -reinterpret_cast<const nlmsgerr*>(&head + 1)->error; }

Error refusal(std::string_view what, const std::string& subject, int error_number,
              const std::string& words) {
  Error error = system_error(fmt::format("{} {}", what, subject), error_number);
  if (!words.empty()) error.message += " (" + words + ")";
  // A bridge has 1,023 port numbers.
  if (error_number == EXFULL)
    error = {Errc::exhausted, "the link has 1023 ports, the most a bridge takes"};
  return error;
}

}  // namespace

Result<Netlink> Netlink::open(const Fd* network_namespace) {
  if (network_namespace == nullptr) return Netlink(TRY(open_socket()));
  const NamespaceScope scope = TRY(NamespaceScope::enter(*network_namespace));
  return Netlink(TRY(open_socket()));
}

Result<void> Netlink::send(std::string_view bytes) {
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0)
    return system_error("cannot send to netlink");
  return {};
}

Result<std::vector<char>> Netlink::receive() {
  constexpr size_t longest = 64 * 1024;
  const auto buffer = std::make_unique_for_overwrite<char[]>(longest);
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), buffer.get(), longest, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error("cannot read from netlink");
    return std::vector<char>(buffer.get(), buffer.get() + size);
  }
}

// Numbers the steps from `first` on that fit one send; returns the index after the last.
size_t Netlink::number(const NetlinkBatch& batch, size_t first, std::string& bytes) {
  const size_t begin = batch.steps_[first].begin;
  size_t next = first;
  for (; next < batch.steps_.size() && batch.steps_[next].begin - begin < largest_send; ++next)
    reinterpret_cast<nlmsghdr*>(bytes.data() + batch.steps_[next].begin)->nlmsg_seq = ++sequence_;
  return next;
}

Result<void> Netlink::answers(const NetlinkBatch& batch, size_t first, size_t count) {
  const uint32_t base = sequence_ + 1 - static_cast<uint32_t>(count);
  std::optional<Error> refused;
  for (size_t answered = 0; answered < count;) {
    const std::vector<char> buffer = TRY(receive());
    auto left = static_cast<unsigned>(buffer.size());
    for (auto* head = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left)) {
      const size_t step = head->nlmsg_seq - base;
      if (head->nlmsg_type != NLMSG_ERROR || step >= count) continue;
      ++answered;
      const int number = error_of(*head);
      const NetlinkBatch::Step& done = batch.steps_[first + step];
      if (number == 0 || refused || std::ranges::count(done.tolerated, number) > 0) continue;
      refused = refusal(done.what, done.subject, number, kernel_words(*head));
    }
  }
  if (refused) return *refused;
  return {};
}

Result<void> Netlink::commit(const NetlinkBatch& batch) {
  std::string bytes = batch.bytes_;
  Result<void> outcome;
  for (size_t first = 0; first < batch.steps_.size();) {
    const size_t next = number(batch, first, bytes);
    const size_t begin = batch.steps_[first].begin;
    const size_t end = next < batch.steps_.size() ? batch.steps_[next].begin : bytes.size();
    TRY(send(std::string_view(bytes).substr(begin, end - begin)));
    Result<void> part = answers(batch, first, next - first);
    if (outcome) outcome = std::move(part);
    first = next;
  }
  return outcome;
}

Result<void> Netlink::request(std::string bytes, const Visit& visit) {
  auto* question = reinterpret_cast<nlmsghdr*>(bytes.data());
  question->nlmsg_seq = ++sequence_;
  const bool dump = (question->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  TRY(send(bytes));
  for (;;) {
    const std::vector<char> buffer = TRY(receive());
    auto left = static_cast<unsigned>(buffer.size());
    for (auto* head = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left)) {
      if (head->nlmsg_seq != sequence_) continue;
      if (head->nlmsg_type == NLMSG_DONE) return {};
      if (head->nlmsg_type == NLMSG_ERROR)
        return system_error("cannot read a table of the kernel's network", error_of(*head));
      visit(*head);
      if (!dump) return {};
    }
  }
}

Result<void> Netlink::wait_operational(int index, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  for (;;) {
    const LinkRow row = TRY(link(index));
    if (row.operational) return {};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      return Error{Errc::timed_out, fmt::format("interface {} did not come up", row.name)};
    // The state follows a worker of the kernel's within a fraction of a millisecond.
    ::poll(nullptr, 0, 1);
  }
}

}  // namespace vireo
