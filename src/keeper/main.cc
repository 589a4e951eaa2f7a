// SPDX-License-Identifier: Apache-2.0
// vireo-keeper RUNTIME_DIR [NUMBER]: goes into the background and serves RUNTIME_DIR/keeper, or
// keeper-NUMBER, which takes what the ones before it have no room for. Its exit code tells whoever
// started it: 0 it serves, 1 it cannot (standard error says why), 3 another one does.
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "keeper/server.h"

namespace vireo::keeper {
namespace {

constexpr int cannot = 1, taken = 3;
constexpr int grace_ms = 3000;

int complain(const char* what) {
  ::fprintf(stderr, "vireo-keeper: %s: %s\n", what, ::strerror(errno));
  return cannot;
}

// What we inherit from the daemon must neither reach our processes nor end us.
void forget_inheritance() {
  ::syscall(SYS_close_range, 3U, ~0U, 0);
  // By the bare call: the C library keeps 32 and 33 to itself, and somebody ignores them at times.
  const uint64_t default_action[4] = {};
  for (int number = 1; number < 65; ++number) {
    ::syscall(SYS_rt_sigaction, number, default_action, nullptr, sizeof(uint64_t));
  }
  sigset_t blocked;
  sigemptyset(&blocked);
  for (int number : {SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGXFSZ}) sigaddset(&blocked, number);
  ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
  ::umask(022);
}

// In the current folder, by a short name: the whole path may be longer than an address.
Fd listen_here(const std::string& name) {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{AF_UNIX, ""};
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  ::unlink(address.sun_path);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(address.sun_path, 0600) != 0 || ::listen(socket.get(), SOMAXCONN) != 0) {
    return Fd();
  }
  return socket;
}

// Reports over `ready` (one byte: the exit code of the process in front), then serves.
int serve(const char* runtime_dir, const std::string& name, const Fd& ready) {
  const auto report = [&](int code) {
    const char byte = static_cast<char>(code);
    return ::write(ready.get(), &byte, 1) == 1 ? code : cannot;
  };
  ::setsid();
  if (::chdir(runtime_dir) != 0) return report(complain(runtime_dir));
  const Fd folder(::open(".", O_PATH | O_CLOEXEC));
  // Never removed: another keeper may have the same file open and wait for its lock.
  const std::string lock_name = name + ".lock";
  const Fd lock(::open(lock_name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return report(complain(("cannot open " + lock_name).c_str()));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return report(taken);
  const Fd listener = listen_here(name);
  if (!listener) return report(complain("cannot listen"));
  if (::chdir("/") != 0) return report(complain("/"));
  static Server server(listener.get());  // never destroyed: its closer thread uses it to the end
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int standard = 0; standard < 3; ++standard) ::dup2(null.get(), standard);
  report(0);
  server.run(grace_ms);
  ::unlinkat(folder.get(), name.c_str(), 0);
  return 0;
}

int run(int count, char** arguments) {
  const unsigned long number = count == 3 ? ::strtoul(arguments[2], nullptr, 10) : 0;
  if (count != 2 && number == 0) {
    ::fprintf(stderr, "usage: vireo-keeper RUNTIME_DIR [NUMBER]\n");
    return cannot;
  }
  const std::string name = number == 0 ? "keeper" : "keeper-" + std::to_string(number);
  forget_inheritance();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return complain("pipe");
  Fd from(ends[0]), to(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return complain("fork");
  if (child == 0) return serve(arguments[1], name, to);
  to = Fd();
  char code = cannot;
  return ::read(from.get(), &code, 1) == 1 ? code : cannot;
}

}  // namespace
}  // namespace vireo::keeper

int main(int count, char** arguments) {
  // Not by return: the closer thread still uses what destructors of statics would take away.
  ::_exit(vireo::keeper::run(count, arguments));
}
