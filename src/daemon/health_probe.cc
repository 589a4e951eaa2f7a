// SPDX-License-Identifier: Apache-2.0
#include "daemon/health_probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>

#include "host/namespace.h"

namespace vireo {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

Result<void> wait_for(const Fd& fd, short events, Deadline deadline) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  pollfd wait{fd.get(), events, 0};
  int n = ::poll(&wait, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
  if (n < 0) return system_error("cannot wait");
  if (n == 0) return Error{Errc::timed_out, "no answer in time"};
  return {};
}

Result<Fd> connect_to(int family, const sockaddr* address, socklen_t size, Deadline deadline) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error("cannot make a socket");
  if (::connect(fd.get(), address, size) == 0) return fd;
  if (errno != EINPROGRESS) return system_error("cannot connect");
  TRY(wait_for(fd, POLLOUT, deadline));
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return system_error("cannot connect", error);
  return fd;
}

Result<Fd> connect_loopback(uint16_t port, Deadline deadline) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto fd = connect_to(AF_INET, reinterpret_cast<sockaddr*>(&v4), sizeof v4, deadline);
  if (fd) return fd;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  auto second = connect_to(AF_INET6, reinterpret_cast<sockaddr*>(&v6), sizeof v6, deadline);
  return second ? std::move(second) : std::move(fd);
}

// Any status below 400 is healthy, as Kubernetes' httpGet probe has it.
Result<void> ask_http(const Fd& fd, const std::string& path, Deadline deadline) {
  std::string request =
      fmt::format("GET {} HTTP/1.0\r\nHost: localhost\r\nUser-Agent: vireo\r\n\r\n", path);
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0)
    return system_error("cannot send the request");
  std::string answer;
  while (answer.size() < 12) {
    TRY(wait_for(fd, POLLIN, deadline));
    char buffer[512];
    ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
    if (n <= 0) return Error{Errc::unavailable, "the connection was closed without an answer"};
    answer.append(buffer, static_cast<size_t>(n));
  }
  std::string status = answer.substr(9, 3);
  if (answer.starts_with("HTTP/") && status >= "200" && status < "400") return {};
  return Error{Errc::unavailable,
               fmt::format("GET {} answered `{}`", path, answer.substr(0, answer.find('\r')))};
}

Result<void> ask_network(const HealthCheck& check) {
  Deadline deadline = std::chrono::steady_clock::now() + check.timeout;
  Fd fd = TRY(connect_loopback(check.port, deadline));
  if (check.kind == HealthKind::http) return ask_http(fd, check.path, deadline);
  return {};
}

}  // namespace

Result<vnf::Vitals> HealthProbe::read_vitals(const Fd& page) {
  vnf::Vitals vitals{};
  ssize_t n = ::pread(page.get(), &vitals, sizeof vitals, 0);
  if (n < 0) return system_error("cannot read a vitals page");
  if (n != static_cast<ssize_t>(sizeof vitals))
    return Error{Errc::corrupt, "a vitals page is too short"};
  return vitals;
}

Result<Fd> HealthProbe::network_of(const InstanceId& id) {
  for (Driver* driver : drivers_)
    if (NetworkAccess* network = driver->network())
      if (auto fd = network->network_namespace(id)) return fd;
  return Error{Errc::not_found, fmt::format("no network namespace of {} is known", id)};
}

Result<void> HealthProbe::run_command(const InstanceId& id, const HealthCheck& check) {
  Error last{Errc::unsupported, "no driver can run a process in it"};
  for (Driver* driver : drivers_) {
    Executor* executor = driver->executor();
    if (executor == nullptr) continue;
    auto session = executor->exec(id, {check.command, false, 24, 80});
    if (!session) {
      last = session.error();
      continue;
    }
    TRY(wait_for(session->exit, POLLIN, std::chrono::steady_clock::now() + check.timeout));
    int code = TRY(executor->exit_code(session->id));
    if (code == 0) return {};
    return Error{Errc::unavailable, fmt::format("`{}` ended with {}", check.command.at(0), code)};
  }
  return last;
}

void HealthProbe::check(const InstanceId& id, const HealthCheck& check,
                        std::function<void(Result<void>)> done) {
  auto outcome = std::make_shared<Result<void>>();
  auto work = [this, id, check, outcome] {
    if (check.kind == HealthKind::exec) {
      *outcome = run_command(id, check);
      return;
    }
    auto network = network_of(id);
    *outcome = network ? in_network_namespace(*network, [&] { return ask_network(check); })
                       : Result<void>(network.error());
  };
  scheduler_.in_background(work, [outcome, done = std::move(done)] { done(*outcome); });
}

}  // namespace vireo
