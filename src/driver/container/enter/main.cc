// SPDX-License-Identifier: Apache-2.0
// vireo-enter: the process that waits in an instance's namespaces and becomes its entry point.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/container/enter/steps.h"

namespace vireo::enter {

int control = -1;
uint64_t entering_key = 0;

void report(EnterStep step, int descriptor) {
  EnterReport message{step, 0, 0};
  iovec part{&message, sizeof message};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor >= 0) {
    header.msg_control = space;
    header.msg_controllen = sizeof space;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  }
  if (sendmsg(control, &header, MSG_NOSIGNAL) < 0) _exit(126);
}

void fail(EnterStep step, uint32_t index) {
  EnterReport message{step, errno, index};
  (void)!send(control, &message, sizeof message, MSG_NOSIGNAL);
  _exit(127);
}

Order receive() {
  Order got;
  iovec part{&got.order, sizeof got.order};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof got.fds)];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof space;
  ssize_t n;
  do n = recvmsg(control, &header, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n == 0 || (n < 0 && errno == ECONNRESET)) _exit(0);
  if (n != sizeof got.order || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
    fail(EnterStep::order);
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return got;
  got.count = static_cast<uint32_t>((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  memcpy(got.fds, CMSG_DATA(rights), got.count * sizeof(int));
  return got;
}

namespace {

Order expect(EnterOrder order, uint32_t fewest) {
  Order got = receive();
  errno = EPROTO;
  if (got.order != order || got.count < fewest) fail(EnterStep::order);
  return got;
}

[[noreturn]] void be_instance() {
  int proc = make_proc();
  unshare_namespaces();
  report(EnterStep::unshared);
  Order mapped = expect(EnterOrder::mapped, 2);
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) fail(EnterStep::identity);
  Mounts mounts = prepare_mounts(proc, mapped.fds[0]);
  bound_capabilities(load_filter(mapped.fds[1]));
  touch_memory();
  report(EnterStep::parked, mounts.files);
  Order start = expect(EnterOrder::start, 2);
  const EnterPlan* plan = load_plan(start.fds[0]);
  enter_root(plan, start.fds[1], mounts);
  run(plan, start.fds + 2, start.count - 2);
}

[[noreturn]] void be_guest() {
  Order start = expect(EnterOrder::start, 3);
  const EnterPlan* plan = load_plan(start.fds[0]);
  join_instance(start.fds[1]);
  if (plan->terminal != 0) open_terminal(plan);
  load_filter(start.fds[2]);
  run(plan, start.fds + 3, start.count - 3);
}

}  // namespace
}  // namespace vireo::enter

int main(int count, char** arguments) {
  using namespace vireo;
  // Out of the way of 3, 4, ..., which belong to the program.
  enter::control = fcntl(enter_control_fd, F_DUPFD_CLOEXEC, 2 * enter_most_fds);
  if (enter::control < 0) return 125;
  close(enter_control_fd);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  umask(0);
  if (count > 1 && strcmp(arguments[1], "exec") == 0) enter::be_guest();
  enter::be_instance();
}
