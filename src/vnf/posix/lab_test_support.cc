// SPDX-License-Identifier: Apache-2.0
#include "vnf/posix/lab_test_support.h"

#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "host/namespace.h"
#include "host/packet_socket.h"
#include "host/tap.h"

namespace vireo::vnf {

namespace {

constexpr const char* addresses =
    "ip link set lo up; ip link set eth0 address 02:00:00:00:09:0{0} up; "
    "ip addr add 10.9.0.{0}/24 dev eth0; ip addr add fd09::{0}/64 dev eth0 nodad";

// Shell text that reaches other namespaces by the descriptors of this process.
std::string path_of(const Fd& fd) { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()); }

Result<Fd> tap_in(const Fd& network_namespace) {
  const auto there = TRY(NamespaceScope::enter(network_namespace));
  return make_tap("eth0", 0);
}

Result<Fd> socket_in(const Fd& network_namespace, const char* interface) {
  const auto there = TRY(NamespaceScope::enter(network_namespace));
  return open_packet_socket(static_cast<int>(::if_nametoindex(interface)));
}

pid_t spawn(const Fd& network_namespace, const std::string& command, int output) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::setpgid(0, 0);
  if (::setns(network_namespace.get(), CLONE_NEWNET) < 0) _exit(126);
  if (output >= 0) {
    ::dup2(output, 1);
    ::dup2(output, 2);
  }
  ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
  _exit(127);
}

}  // namespace

Result<Lab> Lab::make(LabKind kind) {
  Lab lab;
  lab.client_ = TRY(new_network_namespace());
  lab.server_ = TRY(new_network_namespace());
  lab.middle_ = TRY(new_network_namespace());
  if (kind == LabKind::tap) {
    lab.ports_.push_back(TRY(tap_in(lab.client_)));
    lab.ports_.push_back(TRY(tap_in(lab.server_)));
  } else if (kind == LabKind::bare) {
    TRY(run_in(lab.client_, fmt::format("ip link add eth0 type veth peer name eth0 netns {}",
                                        path_of(lab.server_))));
  } else {
    constexpr const char* pair = "ip link add {0} up type veth peer name eth0 netns {1}";
    TRY(run_in(lab.middle_, fmt::format(pair, "p0", path_of(lab.client_))));
    TRY(run_in(lab.middle_, fmt::format(pair, "p1", path_of(lab.server_))));
    lab.ports_.push_back(TRY(socket_in(lab.middle_, "p0")));
    lab.ports_.push_back(TRY(socket_in(lab.middle_, "p1")));
  }
  TRY(run_in(lab.client_, fmt::format(fmt::runtime(addresses), 1)));
  TRY(run_in(lab.server_, fmt::format(fmt::runtime(addresses), 2)));
  return lab;
}

std::vector<int> Lab::ports() const {
  std::vector<int> fds;
  for (const Fd& port : ports_) fds.push_back(port.get());
  return fds;
}

Result<std::string> run_in(const Fd& network_namespace, const std::string& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return system_error("cannot make a pipe");
  Fd in(ends[0]), out(ends[1]);
  const pid_t pid = spawn(network_namespace, command, out.get());
  if (pid < 0) return system_error("cannot fork");
  out = Fd();
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t got; (got = ::read(in.get(), part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<size_t>(got));
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0) return Error{Errc::internal, fmt::format("{}: {}", command, text)};
  return text;
}

Background::Background(const Fd& network_namespace, const std::string& command)
    : pid_(spawn(network_namespace, "exec " + command + " >/dev/null 2>&1", -1)) {
  ::setpgid(pid_, pid_);
}

Background::~Background() {
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

Result<void> wait_listening(const Fd& network_namespace, unsigned port) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const std::string command = fmt::format("ss -Hltn sport = :{}", port);
  while (std::chrono::steady_clock::now() < end) {
    if (!TRY(run_in(network_namespace, command)).empty()) return {};
    std::this_thread::yield();
  }
  return Error{Errc::timed_out, fmt::format("nobody listens on port {}", port)};
}

}  // namespace vireo::vnf
