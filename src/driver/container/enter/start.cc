// SPDX-License-Identifier: Apache-2.0
// The path of a start: everything here is waited for.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include <initializer_list>

#include "driver/container/enter/steps.h"

namespace vireo::enter {
namespace {

alignas(64) char plan_memory[16384];
alignas(64) char vector_memory[4096];
uint64_t bounding = ~uint64_t{0};  // capabilities not dropped yet

constexpr uint64_t strict = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
constexpr uint64_t inside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

template <class T>
const T* array(const EnterPlan* plan, EnterSpan span) {
  return reinterpret_cast<const T*>(reinterpret_cast<const char*>(plan) + span.offset);
}

int open_in(int root, const char* path, uint64_t flags, uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof how));
}

int attach(int mount, int onto) {
  return move_mount(mount, "", onto, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

// The target is opened without following any link: an image whose /proc is one is refused.
void place(int tree, int root, const char* name, EnterStep step) {
  if (tree < 0) return;
  int onto = open_in(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, strict);
  if (onto < 0 || attach(tree, onto) != 0) fail(step);
  close(onto);
  close(tree);
}

void write_all(int fd, const char* bytes, uint32_t count, uint32_t index) {
  while (count > 0) {
    ssize_t n = write(fd, bytes, count);
    if (n <= 0) fail(EnterStep::file, index);
    bytes += n;
    count -= static_cast<uint32_t>(n);
  }
}

// A file lives in the parked root's tmpfs (its memory counts as the instance's) and is bound,
// read-only, over its path.
void place_file(const EnterPlan* plan, uint32_t index, int root, int files) {
  const EnterFile& file = array<EnterFile>(plan, plan->files)[index];
  char name[12];
  char* at = name + sizeof name;
  *--at = 0;
  for (uint32_t rest = index; at == name + sizeof name - 1 || rest != 0; rest /= 10)
    *--at = static_cast<char>('0' + rest % 10);
  int made = openat(files, at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file.mode & 07777);
  if (made < 0) fail(EnterStep::file, index);
  write_all(made, text(plan, file.content), file.bytes, index);
  close(made);
  int mount = open_tree(files, at, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  attr.attr_clr = MOUNT_ATTR_NOEXEC;
  if (mount < 0 || mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
    fail(EnterStep::file, index);
  int onto = open_in(root, text(plan, file.path), O_PATH, inside);
  if (onto < 0 || attach(mount, onto) != 0) fail(EnterStep::file, index);
  close(onto);
  close(mount);
}

void place_writable(const EnterPlan* plan, uint32_t index, int root) {
  const char* path = text(plan, array<uint32_t>(plan, plan->writable)[index]);
  int onto = open_in(root, path, O_PATH | O_DIRECTORY, inside);
  int context = onto < 0 ? -1 : fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "mode", "1777", 0) != 0 ||
      fsconfig(context, FSCONFIG_SET_STRING, "size", "64m", 0) != 0 ||
      fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    fail(EnterStep::writable_path, index);
  int mount = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (mount < 0 || attach(mount, onto) != 0) fail(EnterStep::writable_path, index);
  close(mount);
  close(context);
  close(onto);
}

void enter_directory(const EnterPlan* plan) {
  if (strcmp(text(plan, plan->directory), "/") == 0) {
    if (chdir("/") != 0) fail(EnterStep::working_directory);
    return;
  }
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int directory = open_in(root, text(plan, plan->directory), O_PATH | O_DIRECTORY, inside);
  char path[4096];
  if (directory < 0 || fchdir(directory) != 0) fail(EnterStep::working_directory);
  // The kernel says "(unreachable)" of a directory outside: runc was left that way once.
  if (syscall(SYS_getcwd, path, sizeof path) < 0 || path[0] != '/') {
    errno = EXDEV;
    fail(EnterStep::working_directory);
  }
  close(directory);
  close(root);
}

void set_limits(const EnterPlan* plan) {
  const EnterLimit* limits = array<EnterLimit>(plan, plan->limits);
  for (uint32_t i = 0; i < plan->limits.count; ++i) {
    rlimit limit{limits[i].soft, limits[i].hard};
    if (setrlimit(static_cast<int>(limits[i].resource), &limit) != 0) fail(EnterStep::limits, i);
  }
}

void change_user(const EnterPlan* plan) {
  if (setgroups(plan->groups.count, array<gid_t>(plan, plan->groups)) != 0) fail(EnterStep::groups);
  if (setresgid(plan->gid, plan->gid, plan->gid) != 0) fail(EnterStep::groups);
  prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (setresuid(plan->uid, plan->uid, plan->uid) != 0) fail(EnterStep::groups);
}

// A kept one survives as root's by the bounding set, as another user's by the ambient set too.
void drop_capabilities(const EnterPlan* plan) {
  const uint64_t kept = plan->capabilities;
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  for (unsigned half = 0; half < 2; ++half) {
    auto bits = static_cast<uint32_t>(kept >> (32 * half));
    bool other = plan->uid != 0;
    sets[half] = {bits, bits, other ? bits : 0};
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (syscall(SYS_capset, &head, sets) != 0) fail(EnterStep::capabilities);
  for (unsigned long cap = 0; plan->uid != 0 && cap < 64; ++cap)
    if ((kept >> cap & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0)
      fail(EnterStep::capabilities);
}

// First above every target, then down: a dup2 must not overwrite what a later one needs.
void install(const EnterPlan* plan, const int* fds, uint32_t count) {
  int lifted[enter_most_fds];
  for (uint32_t i = 0; i < count; ++i)
    if ((lifted[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3 * enter_most_fds)) < 0)
      fail(EnterStep::descriptors, i);
  for (uint32_t i = 0; i < count; ++i)
    if (dup2(lifted[i], static_cast<int>(plan->first_fd + i)) < 0) fail(EnterStep::descriptors, i);
  uint32_t end = plan->first_fd + count;
  if (end < 3) end = 3;
  if (syscall(SYS_close_range, end, ~0U, CLOSE_RANGE_CLOEXEC) != 0) fail(EnterStep::descriptors);
}

[[noreturn]] void execute(const EnterPlan* plan) {
  const size_t bytes = (plan->arguments.count + plan->environment.count + 2) * sizeof(char*);
  void* room = vector_memory;
  if (bytes > sizeof vector_memory)
    room = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) fail(EnterStep::execute);
  auto vectors = static_cast<char**>(room);
  char** at = vectors;
  for (EnterSpan span : {plan->arguments, plan->environment}) {
    for (uint32_t i = 0; i < span.count; ++i)
      *at++ = const_cast<char*>(text(plan, array<uint32_t>(plan, span)[i]));
    *at++ = nullptr;
  }
  int reason = ENOENT;
  for (uint32_t i = 0; i < plan->programs.count; ++i) {
    execve(text(plan, array<uint32_t>(plan, plan->programs)[i]), vectors,
           vectors + plan->arguments.count + 1);
    if (errno != ENOENT && errno != ENOTDIR) reason = errno;  // a later entry of PATH may do
  }
  errno = reason;
  fail(EnterStep::execute);
}

}  // namespace

const char* text(const EnterPlan* plan, uint32_t offset) {
  return reinterpret_cast<const char*>(plan) + offset;
}

// Before the user changes: another user than root has no right to it.
void bound_capabilities(uint64_t kept) {
  for (unsigned long cap = 0; cap < 64; ++cap) {
    if (((bounding & ~kept) >> cap & 1) == 0 || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // the kernel has no more
    fail(EnterStep::capabilities);
  }
  bounding &= kept;
}

uint64_t load_filter(int memory) {
  struct stat status {};
  if (fstat(memory, &status) != 0) fail(EnterStep::seccomp);
  const auto size = static_cast<size_t>(status.st_size);
  void* at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, memory, 0);
  if (at == MAP_FAILED) fail(EnterStep::seccomp);
  auto head = static_cast<EnterFilter*>(at);
  entering_key = head->key;
  const uint64_t grantable = head->grantable;
  sock_fprog program{static_cast<unsigned short>((size - sizeof *head) / sizeof(sock_filter)),
                     reinterpret_cast<sock_filter*>(head + 1)};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(EnterStep::no_new_privileges);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) fail(EnterStep::seccomp);
  munmap(at, size);
  close(memory);
  return grantable;
}

// Touched while parked, so that the path has no page faults: a mapping of the plan costs 60 us.
void touch_memory() {
  memset(plan_memory, 0, sizeof plan_memory);
  memset(vector_memory, 0, sizeof vector_memory);
}

const EnterPlan* load_plan(int memory) {
  struct stat status {};
  if (fstat(memory, &status) != 0) fail(EnterStep::order);
  auto size = static_cast<size_t>(status.st_size);
  void* at = plan_memory;
  if (size > sizeof plan_memory)
    at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, memory, 0);
  else if (pread(memory, plan_memory, size, 0) != status.st_size)
    at = MAP_FAILED;
  errno = EPROTO;
  if (at == MAP_FAILED || size < sizeof(EnterPlan)) fail(EnterStep::order);
  auto plan = static_cast<const EnterPlan*>(at);
  if (plan->magic != enter_magic || plan->bytes != size) fail(EnterStep::order);
  close(memory);
  return plan;
}

// The root is laid over the parked one instead of pivoting: no unmount, which would wait for the
// kernel. What lies beneath is an empty tmpfs that no path leads to.
void enter_root(const EnterPlan* plan, int root, const Mounts& mounts) {
  if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0 || fchdir(root) != 0)
    fail(EnterStep::root);
  place(mounts.dev, root, "dev", EnterStep::device_files);
  place(mounts.proc, root, "proc", EnterStep::process_files);
  place(mounts.sys, root, "sys", EnterStep::system_files);
  for (uint32_t i = 0; i < plan->writable.count; ++i) place_writable(plan, i, root);
  for (uint32_t i = 0; i < plan->files.count; ++i) place_file(plan, i, root, mounts.files);
  if (chroot(".") != 0) fail(EnterStep::root);
  close(root);
  close(mounts.files);
  const char* name = text(plan, plan->host_name);
  if (name[0] != 0 && sethostname(name, strlen(name)) != 0) fail(EnterStep::host_name);
}

void join_instance(int pidfd) {
  if (setns(pidfd, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                       CLONE_NEWCGROUP) != 0)
    fail(EnterStep::join);
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) fail(EnterStep::identity);
  close(pidfd);
}

// The terminal belongs to the instance's own devpts; its path is checked to be one, since an image
// could have put anything there.
void open_terminal(const EnterPlan* plan) {
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int owner = open_in(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY, strict);
  struct statfs place_of {};
  constexpr long devpts_magic = 0x1cd1;
  if (owner < 0 || fstatfs(owner, &place_of) != 0) fail(EnterStep::terminal);
  errno = EXDEV;
  if (place_of.f_type != devpts_magic) fail(EnterStep::terminal);
  int unlock = 0;
  winsize size{static_cast<unsigned short>(plan->rows), static_cast<unsigned short>(plan->columns),
               0, 0};
  if (ioctl(owner, TIOCSPTLCK, &unlock) != 0 || ioctl(owner, TIOCSWINSZ, &size) != 0)
    fail(EnterStep::terminal);
  int terminal = ioctl(owner, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0 || fchown(terminal, plan->uid, 5) != 0) fail(EnterStep::terminal);
  setsid();  // fails when this process leads a session already, as one of the keeper's does
  if (ioctl(terminal, TIOCSCTTY, 0) != 0) fail(EnterStep::terminal);
  for (int fd = 0; fd < 3; ++fd) dup2(terminal, fd);
  report(EnterStep::terminal, owner);
  close(owner);
  close(terminal);
  close(root);
}

void run(const EnterPlan* plan, const int* fds, uint32_t count) {
  enter_directory(plan);
  set_limits(plan);
  bound_capabilities(plan->capabilities);
  change_user(plan);
  drop_capabilities(plan);
  install(plan, fds, count);
  umask(022);
  execute(plan);
}

}  // namespace vireo::enter
