// SPDX-License-Identifier: Apache-2.0
// What vireo-enter uses of the C library, so that it needs none: a parked process is then a few
// pages, and executing the entry point has little to take down. The headers' declarations are not
// included: these are the definitions. Same results as in the manual pages; one thread.
#include <asm/unistd.h>

#include "vnf/posix/system_call.h"

int main(int count, char** arguments);

namespace vireo::enter {
extern uint64_t entering_key;
}

namespace {

int last_error;
using vireo::vnf::posix::address;
using vireo::vnf::posix::system_call;

constexpr int here = -100;  // AT_FDCWD

long checked(long result) {
  if (result >= 0 || result < -4095) return result;
  last_error = static_cast<int>(-result);
  return -1;
}

int checked_int(long result) { return static_cast<int>(checked(result)); }

template <class... Arguments>
int call(long number, Arguments... arguments) {
  return checked_int(system_call(number, static_cast<long>(arguments)...));
}

// Of a call that the filter allows only so (steps.h).  NOLINTNEXTLINE(readability-function-size)
int keyed(long number, long a, long b, long c, long d, long e) {
  return call(number, a, b, c, d, e, static_cast<long>(vireo::enter::entering_key));
}

}  // namespace

extern "C" {

// The kernel enters with the argument count at the top of the stack, the arguments above it.
asm(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov (%rsp), %rdi\n\tlea 8(%rsp), %rsi\n"
    "\tand $-16, %rsp\n\tcall enter_start\n\thlt\n");

// Names of the C library, which the program is linked without.
// NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier,readability-function-size)
[[noreturn]] void _exit(int code) { vireo::vnf::posix::exit_process(code); }
[[noreturn, gnu::used]] void enter_start(int count, char** arguments) {
  _exit(main(count, arguments));
}

int* __errno_location() { return &last_error; }

size_t strlen(const char* text) {
  size_t count = 0;
  while (text[count] != 0) count++;
  return count;
}
int strcmp(const char* a, const char* b) {
  for (; *a != 0 && *a == *b; a++) b++;
  return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

// On x86-64 a call with any number of arguments passes them like any other (System V ABI, 3.5.7):
// these take as many as are ever given, and the kernel ignores what a call does not have.
int open(const char* path, int flags, long mode) {
  return call(__NR_openat, here, address(path), flags, mode);
}
int openat(int directory, const char* path, int flags, long mode) {
  return call(__NR_openat, directory, address(path), flags, mode);
}
int fcntl(int fd, int command, long argument) { return call(__NR_fcntl, fd, command, argument); }
int ioctl(int fd, unsigned long command, long argument) {
  return call(__NR_ioctl, fd, command, argument);
}
int prctl(int option, long a, long b, long c, long d) {
  return call(__NR_prctl, option, a, b, c, d);
}
long syscall(long number, long a, long b, long c, long d) {
  return checked(system_call(number, a, b, c, d));
}

int close(int fd) { return call(__NR_close, fd); }
int dup2(int fd, int onto) { return call(__NR_dup2, fd, onto); }
long write(int fd, const void* from, size_t count) {
  return checked(system_call(__NR_write, fd, address(from), static_cast<long>(count)));
}
long pread(int fd, void* to, size_t count, long offset) {
  return checked(system_call(__NR_pread64, fd, address(to), static_cast<long>(count), offset));
}
int fstat(int fd, void* status) { return call(__NR_fstat, fd, address(status)); }
int fstatat(int directory, const char* path, void* status, int flags) {
  return call(__NR_newfstatat, directory, address(path), address(status), flags);
}
int fstatfs(int fd, void* status) { return call(__NR_fstatfs, fd, address(status)); }
int fchown(int fd, unsigned user, unsigned group) { return call(__NR_fchown, fd, user, group); }
int mkdirat(int directory, const char* path, unsigned mode) {
  return call(__NR_mkdirat, directory, address(path), mode);
}
unsigned umask(unsigned mask) { return static_cast<unsigned>(call(__NR_umask, mask)); }
int munmap(void* at, size_t bytes) { return call(__NR_munmap, address(at), bytes); }
void* mmap(void* at, size_t bytes, int protection, int flags, int fd, long offset) {
  return reinterpret_cast<void*>(checked(system_call(
      __NR_mmap, address(at), static_cast<long>(bytes), protection, flags, fd, offset)));
}

long send(int fd, const void* from, size_t count, int flags) {
  return checked(system_call(__NR_sendto, fd, address(from), static_cast<long>(count), flags));
}
long sendmsg(int fd, const void* message, int flags) {
  return checked(system_call(__NR_sendmsg, fd, address(message), flags));
}
long recvmsg(int fd, void* message, int flags) {
  return checked(system_call(__NR_recvmsg, fd, address(message), flags));
}

int chdir(const char* path) { return call(__NR_chdir, address(path)); }
int fchdir(int fd) { return call(__NR_fchdir, fd); }
int chroot(const char* path) { return call(__NR_chroot, address(path)); }
int fsopen(const char* type, unsigned flags) {
  return keyed(__NR_fsopen, address(type), flags, 0, 0, 0);
}
int fsconfig(int fd, unsigned command, const char* key, const void* value, int more) {
  return keyed(__NR_fsconfig, fd, command, address(key), address(value), more);
}
int fsmount(int fd, unsigned flags, unsigned attributes) {
  return keyed(__NR_fsmount, fd, flags, attributes, 0, 0);
}
int move_mount(int from, const char* path, int to, const char* onto, unsigned flags) {
  return keyed(__NR_move_mount, from, address(path), to, address(onto), flags);
}
int open_tree(int directory, const char* path, unsigned flags) {
  return keyed(__NR_open_tree, directory, address(path), flags, 0, 0);
}
int mount_setattr(int fd, const char* path, unsigned flags, void* attributes, size_t bytes) {
  return keyed(__NR_mount_setattr, fd, address(path), flags, address(attributes),
               static_cast<long>(bytes));
}
int mount(const char* from, const char* onto, const char* type, unsigned long flags,
          const void* settings) {
  return call(__NR_mount, address(from), address(onto), address(type), flags, address(settings));
}
int umount2(const char* path, int flags) { return call(__NR_umount2, address(path), flags); }

int unshare(int flags) { return call(__NR_unshare, flags); }
int setns(int fd, int kinds) { return call(__NR_setns, fd, kinds); }
int setsid() { return call(__NR_setsid); }
int sethostname(const char* name, size_t bytes) {
  return keyed(__NR_sethostname, address(name), static_cast<long>(bytes), 0, 0, 0);
}
int setrlimit(int resource, const void* limit) {
  return call(__NR_setrlimit, resource, address(limit));
}
int setgroups(size_t count, const unsigned* groups) {
  return call(__NR_setgroups, count, address(groups));
}
int setresuid(unsigned a, unsigned b, unsigned c) { return call(__NR_setresuid, a, b, c); }
int setresgid(unsigned a, unsigned b, unsigned c) { return call(__NR_setresgid, a, b, c); }
int execve(const char* program, char* const* arguments, char* const* environment) {
  return call(__NR_execve, address(program), address(arguments), address(environment));
}

// NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier,readability-function-size)
}  // extern "C"
