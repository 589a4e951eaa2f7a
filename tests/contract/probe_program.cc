// SPDX-License-Identifier: Apache-2.0
// The only program of the test image: static, told by its first argument what to do. It prints to
// standard output what a test wants to see from inside.
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/fd_passing.h"
#include "vnf/abi.h"

using namespace vireo::vnf;

static void print_file(const char* path) {
  char buffer[4096];
  int fd = open(path, O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, buffer, sizeof buffer);
  if (n < 0) printf("%s: %s\n", path, strerror(errno));
  if (n >= 0) printf("%s: %.*s\n", path, static_cast<int>(n), buffer);
}

static void print_open_fds() {
  printf("fds:");
  for (int fd = 0; fd < 1024; ++fd)
    if (fcntl(fd, F_GETFD) >= 0) printf(" %d", fd);
  printf("\n");
}

static void try_to_write(const char* path) {
  int fd = open(path, O_WRONLY | O_CREAT, 0644);
  printf("write %s: %s\n", path, fd < 0 ? strerror(errno) : "ok");
  if (fd >= 0) close(fd);
}

// Reaps none and waits for ever: SIGTERM ends it with code 0.
static void on_term(int) { _exit(0); }

static int hold_memory(size_t mebibytes) {
  for (size_t i = 0; i < mebibytes; ++i) {
    char* piece = static_cast<char*>(malloc(1u << 20));
    if (piece == nullptr) return 9;
    memset(piece, 1, 1u << 20);
  }
  return 0;
}

// A libvnf function's side of the agent socket, as vnf/abi.h says; its state is echoed.
static void send_message(AgentMessage type, uint32_t value, const char* text) {
  char message[sizeof(AgentHeader) + 512];
  AgentHeader header = {static_cast<uint32_t>(type), static_cast<uint32_t>(strlen(text)), value, 0};
  memcpy(message, &header, sizeof header);
  memcpy(message + sizeof header, text, header.length);
  (void)!send(fd_agent, message, sizeof header + header.length, 0);
}

static vireo::PassedMessage given;  // what came with the first message

static void await_begin() {
  if (vireo::receive_with_fds(fd_agent, sizeof(AgentHeader), given) <= 0) _exit(0);
}

static void be_function() {
  await_begin();
  static char state[512] = "born";
  send_message(AgentMessage::ready, 0, "");
  for (;;) {
    char message[sizeof(AgentHeader) + sizeof state] = {};
    ssize_t n = recv(fd_agent, message, sizeof message - 1, 0);
    if (n <= 0) return;
    AgentHeader header;
    memcpy(&header, message, sizeof header);
    const auto type = static_cast<AgentMessage>(header.type);
    if (type == AgentMessage::state_chunk) strcpy(state, message + sizeof header);
    if (type == AgentMessage::state_end)
      send_message(AgentMessage::import_done, strcmp(state, "bad") == 0 ? 1 : 0, "not understood");
    if (type != AgentMessage::export_state) continue;
    send_message(AgentMessage::state_chunk, 0, state);
    send_message(AgentMessage::state_end, 3, "");
  }
}

int main(int count, char** arguments) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const char* mode = count > 1 ? arguments[1] : "sleep";
  signal(SIGTERM, on_term);
  if (strncmp(mode, "exit:", 5) == 0) return atoi(mode + 5);
  if (strncmp(mode, "signal:", 7) == 0) {
    // Process 1 of a namespace is not ended by its own signals: a child is, and passes it on.
    signal(SIGTERM, SIG_DFL);
    pid_t child = fork();
    if (child == 0) {
      raise(atoi(mode + 7));
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 1;
  }
  if (strncmp(mode, "memory:", 7) == 0) return hold_memory(static_cast<size_t>(atoi(mode + 7)));
  if (strcmp(mode, "stubborn") == 0) signal(SIGTERM, SIG_IGN);
  while (strcmp(mode, "busy") == 0) asm volatile("");
  if (strcmp(mode, "function") == 0) be_function();
  if (strcmp(mode, "fds") == 0) print_open_fds();
  if (strcmp(mode, "inspect") == 0) {
    char directory[256] = "?", host[65] = "?";
    printf("uid %u gid %u pid %d cwd %s host %s\n", getuid(), getgid(), getpid(),
           getcwd(directory, sizeof directory), (gethostname(host, sizeof host), host));
    for (int i = 2; i < count; ++i) print_file(arguments[i]);
  }
  if (strcmp(mode, "write") == 0)
    for (int i = 2; i < count; ++i) try_to_write(arguments[i]);
  if (strcmp(mode, "environment") == 0)
    for (char** each = environ; *each != nullptr; ++each) printf("%s\n", *each);
  if (strcmp(mode, "tty") == 0) {
    printf("tty %d %s\n", isatty(0), isatty(0) ? ttyname(0) : "-");
    return 3;
  }
  if (strcmp(mode, "escape") == 0) {
    printf("unshare: %s\n", unshare(CLONE_NEWUSER) == 0 ? "ok" : strerror(errno));
    // Anybody may do this, but for the filter of system calls.
    printf("open_tree: %s\n",
           syscall(SYS_open_tree, AT_FDCWD, "/", 0) >= 0 ? "ok" : strerror(errno));
    printf("mount: %s\n", mount("x", "/work", "tmpfs", 0, nullptr) == 0 ? "ok" : strerror(errno));
    printf("chroot: %s\n", chroot("/work") == 0 ? "ok" : strerror(errno));
    printf("mknod: %s\n",
           mknod("/dev/shm/sda", S_IFBLK | 0600, 0x800) == 0 ? "ok" : strerror(errno));
    printf("ptrace: %s\n", ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 ? "ok" : strerror(errno));
  }
  if (strcmp(mode, "requests") == 0) {
    await_begin();
    const int port = given.fds.at(2).get();
    int carrier = 0;
    ifreq address{};
    const unsigned long requests[] = {TUNSETCARRIER, TUNSETPERSIST, SIOCSIFHWADDR, TCGETS};
    for (unsigned long request : requests) {
      int done = request == SIOCSIFHWADDR ? ioctl(port, request, &address)
                                          : ioctl(port, request, &carrier);
      printf("request %lx: %s\n", request, done == 0 ? "ok" : strerror(errno));
    }
  }
  printf("done\n");
  if (strcmp(mode, "sleep") != 0 && strcmp(mode, "stubborn") != 0) return 0;
  for (;;) pause();
}
