// SPDX-License-Identifier: Apache-2.0
// Linux system calls without a library (x86-64). Results are the kernel's: negative error numbers.
#pragma once
#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

namespace vireo::vnf::posix {

// NOLINTNEXTLINE(readability-function-size): as many as there are registers
inline long system_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                        long f = 0) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

inline long address(const volatile void* pointer) {
  return static_cast<long>(reinterpret_cast<uintptr_t>(pointer));
}

// The kernel's structures, as far as they are used here.
struct IoVector {
  void* at;
  size_t bytes;
};
struct MessageHeader {
  void* name;
  uint32_t name_bytes;
  IoVector* vectors;
  size_t vector_count;
  void* control;
  size_t control_bytes;
  uint32_t flags;
};
struct Message {  // struct mmsghdr
  MessageHeader header;
  uint32_t bytes;
};
struct PollFd {
  int fd;
  int16_t events;
  int16_t returned;
};
struct TimeSpec {
  int64_t seconds;
  int64_t nanoseconds;
};

inline constexpr int16_t poll_in = 1, poll_out = 4;
// A control message of the kind SCM_RIGHTS (cmsg(3), unix(7)).
struct PassedDescriptors {
  size_t bytes;  // of the header and what follows
  int level, type;
  int fds[2 + 8];
};
inline constexpr int socket_level = 1, rights_type = 1;
inline constexpr int message_dont_wait = 0x40, message_no_signal = 0x4000;
inline constexpr long error_interrupted = -4, error_again = -11, error_no_buffers = -105;

inline long read(int fd, void* to, size_t bytes) {
  return system_call(__NR_read, fd, address(to), static_cast<long>(bytes));
}
inline long write(int fd, const void* from, size_t bytes) {
  return system_call(__NR_write, fd, address(from), static_cast<long>(bytes));
}
inline long write_parts(int fd, const IoVector* parts, uint32_t count) {
  return system_call(__NR_writev, fd, address(parts), static_cast<long>(count));
}
inline long close(int fd) { return system_call(__NR_close, fd); }

inline long send_message(int fd, const MessageHeader& message, int flags) {
  return system_call(__NR_sendmsg, fd, address(&message), flags | message_no_signal);
}
inline long receive_message(int fd, MessageHeader& message, int flags) {
  return system_call(__NR_recvmsg, fd, address(&message), flags);
}
inline long receive(int fd, void* to, size_t bytes, int flags) {
  return system_call(__NR_recvfrom, fd, address(to), static_cast<long>(bytes), flags);
}
inline long send(int fd, const void* from, size_t bytes, int flags) {
  return system_call(__NR_sendto, fd, address(from), static_cast<long>(bytes),
                     flags | message_no_signal);
}
inline long receive_many(int fd, Message* messages, uint32_t count, int flags) {
  return system_call(__NR_recvmmsg, fd, address(messages), count, flags);
}
inline long send_many(int fd, Message* messages, uint32_t count, int flags) {
  return system_call(__NR_sendmmsg, fd, address(messages), count, flags | message_no_signal);
}

// How many are ready within the time; 0 none, or a signal came.
inline long wait_ready(PollFd* fds, uint32_t count, int64_t nanoseconds) {
  TimeSpec time{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  const long ready = system_call(__NR_ppoll, address(fds), count, address(&time));
  return ready < 0 ? 0 : ready;
}

inline uint64_t monotonic_ns() {
  TimeSpec time{};
  system_call(__NR_clock_gettime, 1, address(&time));
  return static_cast<uint64_t>(time.seconds) * 1'000'000'000 +
         static_cast<uint64_t>(time.nanoseconds);
}

[[noreturn]] inline void exit_process(int code) {
  for (;;) system_call(__NR_exit_group, code);
}

}  // namespace vireo::vnf::posix
