// SPDX-License-Identifier: Apache-2.0
// What is started to measure starts: a program that listens on TCP port 8080 and ends at once on
// SIGTERM. Without a library, so that the technology is measured and not libc; the same file runs
// in Vireo, runc and Docker. Its kernel's SYN-ACK is the function's own first reply.
#include <linux/in.h>
#include <linux/poll.h>
#include <linux/signal.h>
#include <sys/syscall.h>

namespace {

long call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  long result;
  register long r10 asm("r10") = d;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
               : "rcx", "r11", "memory");
  return result;
}

template <class T>
long address_of(T& value) {
  return reinterpret_cast<long>(&value);
}

constexpr int stream = 1, no_delay_wait = 2048, port_be = 0x901f;  // 8080 in network order
constexpr unsigned long sigterm_bit = 1ul << (15 - 1);

[[noreturn]] void leave(long code) {
  for (;;) call(SYS_exit_group, code);
}

[[noreturn]] void serve() {
  unsigned long signals = sigterm_bit;
  call(SYS_rt_sigprocmask, 0, address_of(signals), 0, sizeof signals);
  long ending = call(SYS_signalfd4, -1, address_of(signals), sizeof signals, 0);
  long listening = call(SYS_socket, 2, stream | no_delay_wait);
  sockaddr_in address{};
  address.sin_family = 2;
  address.sin_port = port_be;
  if (call(SYS_bind, listening, address_of(address), sizeof address) < 0) leave(1);
  if (call(SYS_listen, listening, 128) < 0) leave(2);
  for (;;) {
    pollfd events[2]{};
    events[0].fd = static_cast<int>(listening);
    events[1].fd = static_cast<int>(ending);
    events[0].events = events[1].events = POLLIN;
    call(SYS_poll, address_of(events), 2, -1);
    if (events[1].revents != 0) leave(0);
    long client = call(SYS_accept4, listening);
    if (client >= 0) call(SYS_close, client);
  }
}

}  // namespace

extern "C" [[noreturn]] void _start() { serve(); }
