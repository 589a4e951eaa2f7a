// SPDX-License-Identifier: Apache-2.0
#include "vnf/posix/launch_test_support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "host/fd_passing.h"
#include "host/files.h"

namespace vireo::vnf {

namespace {

Result<Fd> vitals_page() {
  Fd page(::memfd_create("vitals", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!page) return system_error("cannot make a memory file");
  if (::ftruncate(page.get(), vitals_bytes) < 0) return system_error("cannot size the vitals page");
  ::fcntl(page.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  return page;
}

// Between fork and exec: nothing but system calls.
[[noreturn]] void become(int agent, const char* program, int network, uint64_t* started) {
  ::signal(SIGPIPE, SIG_DFL);
  if (network >= 0 && ::setns(network, CLONE_NEWNET) < 0) _exit(126);
  if (agent != fd_agent) ::dup2(agent, fd_agent);
  ::fcntl(fd_agent, F_SETFD, 0);
  ::syscall(SYS_close_range, fd_agent + 1, ~0U, 0);
  char* const arguments[] = {const_cast<char*>(program), nullptr};
  char* const environment[] = {nullptr};
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  *started = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  ::execve(program, arguments, environment);
  _exit(127);
}

}  // namespace

std::unique_ptr<Identity> plain_identity(uint32_t ports, uint8_t kind) {
  auto identity = std::make_unique<Identity>();
  identity->magic = identity_magic;
  identity->abi = vnf_abi_version;
  identity->generation = 1;
  identity->port_count = ports;
  std::memcpy(identity->name, "test/function.1", 15);
  for (size_t i = 0; i < sizeof identity->seed; i++)
    identity->seed[i] = static_cast<uint8_t>(7 + i * 29);
  for (uint32_t i = 0; i < ports; i++) {
    AbiPort& port = identity->ports[i];
    std::memcpy(port.name, "port", 4);
    port.name[4] = static_cast<char>('0' + i);
    port.kind = kind;
    const uint8_t mac[6] = {2, 0, 0, 0, 1, static_cast<uint8_t>(i)};
    std::memcpy(port.mac, mac, 6);
    port.mtu = 1500;
  }
  return identity;
}

void add_address(Identity& identity, uint32_t port, const std::string& prefix) {
  AbiPort& to = identity.ports[port];
  AbiAddress& address = to.addresses[to.address_count++];
  const size_t slash = prefix.find('/');
  const bool v6 = prefix.find(':') != prefix.npos;
  address.family = v6 ? 6 : 4;
  address.prefix_length = static_cast<uint8_t>(std::atoi(prefix.c_str() + slash + 1));
  ::inet_pton(v6 ? AF_INET6 : AF_INET, prefix.substr(0, slash).c_str(), address.bytes);
}

Result<LaunchedFunction> LaunchedFunction::start(const Launch& launch) {
  LaunchedFunction made;
  Fd vitals = TRY(vitals_page());
  void* page = ::mmap(nullptr, vitals_bytes, PROT_READ, MAP_SHARED, vitals.get(), 0);
  if (page == MAP_FAILED) return system_error("cannot map the vitals page");
  made.vitals_ = static_cast<Vitals*>(page);
  void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return system_error("cannot map a page");
  made.started_ = static_cast<uint64_t*>(shared);
  Identity identity = *launch.identity;
  identity.config_bytes = static_cast<uint32_t>(launch.config.size());
  std::string bytes(reinterpret_cast<const char*>(&identity), sizeof identity);
  Fd sealed = TRY(sealed_memory("identity", bytes + launch.config));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    return system_error("cannot make a socket pair");
  made.agent_ = Fd(ends[0]);
  Fd theirs(ends[1]);
  std::vector<int> fds = {vitals.get(), sealed.get()};
  fds.insert(fds.end(), launch.ports.begin(), launch.ports.end());
  const AgentHeader begin{static_cast<uint32_t>(AgentMessage::begin), 0, 0, 0};
  if (send_with_fds(made.agent_.get(), {reinterpret_cast<const char*>(&begin), sizeof begin}, fds) <
      0)
    return system_error("cannot send the first message");
  const int network = launch.network_namespace == nullptr ? -1 : launch.network_namespace->get();
  made.pid_ = ::fork();
  if (made.pid_ < 0) return system_error("cannot fork");
  if (made.pid_ == 0) become(theirs.get(), launch.program.c_str(), network, made.started_);
  made.pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, made.pid_, 0)));
  return made;
}

LaunchedFunction::LaunchedFunction(LaunchedFunction&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      agent_(std::move(other.agent_)),
      pidfd_(std::move(other.pidfd_)),
      vitals_(std::exchange(other.vitals_, nullptr)),
      started_(std::exchange(other.started_, nullptr)) {}

LaunchedFunction::~LaunchedFunction() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (vitals_ != nullptr) ::munmap(vitals_, vitals_bytes);
  if (started_ != nullptr) ::munmap(started_, 4096);
}

Result<LaunchedFunction::Message> LaunchedFunction::next_message(
    std::chrono::milliseconds deadline) {
  pollfd wait{agent_.get(), POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(deadline.count())) != 1)
    return Error{Errc::timed_out, "the function said nothing"};
  std::string bytes(sizeof(AgentHeader) + agent_chunk_bytes, '\0');
  const ssize_t got = ::recv(agent_.get(), bytes.data(), bytes.size(), 0);
  if (got < static_cast<ssize_t>(sizeof(AgentHeader)))
    return Error{Errc::unavailable, "the function closed its agent's socket"};
  Message message;
  std::memcpy(&message.header, bytes.data(), sizeof message.header);
  message.payload =
      bytes.substr(sizeof message.header, static_cast<size_t>(got) - sizeof message.header);
  return message;
}

Result<void> LaunchedFunction::send(AgentMessage type, uint32_t value, std::string_view payload) {
  const AgentHeader header{static_cast<uint32_t>(type), static_cast<uint32_t>(payload.size()),
                           value, 0};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += payload;
  if (::send(agent_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0)
    return system_error("cannot tell the function");
  return {};
}

Result<void> LaunchedFunction::wait_ready(std::chrono::milliseconds deadline) {
  const Message message = TRY(next_message(deadline));
  if (message.header.type == static_cast<uint32_t>(AgentMessage::ready)) return {};
  return Error{Errc::invalid, message.payload};
}

Result<int> LaunchedFunction::wait_exit(std::chrono::milliseconds deadline) {
  pollfd wait{pidfd_.get(), POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(deadline.count())) != 1)
    return Error{Errc::timed_out, "the function has not ended"};
  int status = 0;
  ::waitpid(std::exchange(pid_, 0), &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void LaunchedFunction::signal(int number) const { ::kill(pid_, number); }

}  // namespace vireo::vnf
