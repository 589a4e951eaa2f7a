// SPDX-License-Identifier: Apache-2.0
#include "keeper/entries.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cerrno>

namespace vireo::keeper {
namespace {

constexpr size_t turn_bytes = 16 * 1024;  // a flood waits for the others after each
constexpr size_t largest_pipe = 1024 * 1024;

uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

Entries::Entries(EventLoop& loop, Closer& closer, Ended ended)
    : loop_(loop), closer_(closer), ended_(std::move(ended)) {
  null_ = Fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  pad_ = std::make_unique<LaunchPad>(null_.get());
  // Thousands of held descriptors for us, what the daemon had for the processes.
  ::getrlimit(RLIMIT_NOFILE, &open_files_);
  const rlimit most{open_files_.rlim_max, open_files_.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &most);
}

Started Entries::start(std::unique_ptr<Entry> entry, StartPlan& plan, const std::string& log_path,
                       uint64_t log_bytes) {
  Ends ends;
  if (!attach(*entry, log_path, log_bytes, ends)) return {Step::log_file, errno, 0, Fd()};
  plan.null = null_.get();
  plan.output = ends.output ? ends.output.get() : null_.get();
  plan.error = ends.error ? ends.error.get() : null_.get();
  plan.open_files = open_files_;
  plan.pad = pad_.get();
  Started started = start_process(plan);
  if (started.failed == Step::none) keep(std::move(entry), started);
  return started;
}

Started Entries::fork(std::unique_ptr<Entry> entry, ForkPlan& plan, const std::string& log_path,
                      uint64_t log_bytes) {
  Ends ends;
  if (!attach(*entry, log_path, log_bytes, ends)) return {Step::log_file, errno, 0, Fd()};
  plan.output = ends.output ? ends.output.get() : null_.get();
  plan.error = ends.error ? ends.error.get() : null_.get();
  Started started = fork_process(plan);
  if (started.failed == Step::none) keep(std::move(entry), started);
  return started;
}

// False: errno.
bool Entries::attach(Entry& entry, const std::string& log_path, uint64_t log_bytes, Ends& ends) {
  if (log_path.empty()) return true;
  entry.log = LogFile(log_path, log_bytes);
  if (!entry.log.can_open()) return false;
  ends = {attach(entry.output), attach(entry.error)};
  return (ends.output && ends.error) || (errno = EMFILE, false);
}

void Entries::keep(std::unique_ptr<Entry> entry, Started& started) {
  Entry& kept = *(named_[entry->name] = std::move(entry));
  kept.pid = started.pid;
  kept.pidfd = Fd(::fcntl(started.pidfd.get(), F_DUPFD_CLOEXEC, 0));
  const Fd& watched = kept.pidfd ? kept.pidfd : started.pidfd;
  if (!kept.pidfd) kept.pidfd.swap(started.pidfd);  // table full: ours matters more
  kept.source = loop_.add(watched.get(), EPOLLIN, [this, &kept](uint32_t) { reap(kept); });
  watch(kept, kept.output);
  watch(kept, kept.error);
}

Fd Entries::attach(Output& output) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Fd();
  output.pipe = Fd(ends[0]);
  // Only our end: the process writes to a pipe that blocks, as programs expect.
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  // Programs open /dev/stdout anew, as another user than ours; only they can reach the pipe.
  (void)::fchmod(ends[1], 0622);
  return Fd(ends[1]);
}

void Entries::watch(Entry& entry, Output& output) {
  if (!output.pipe) return;
  output.source = loop_.add(output.pipe.get(), EPOLLIN,
                            [this, &entry, &output](uint32_t) { drain(entry, output); });
}

bool Entries::drain(Entry& entry, Output& output) {
  static char buffer[turn_bytes];
  const ssize_t size = ::read(output.pipe.get(), buffer, sizeof buffer);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size <= 0) return end_output(entry, output), false;
  std::string records;
  output.cutter.add({buffer, static_cast<size_t>(size)}, records);
  entry.log.append(records);
  return true;
}

void Entries::end_output(Entry& entry, Output& output) {
  if (!output.pipe) return;
  std::string records;
  output.cutter.end(records);
  entry.log.append(records);
  loop_.remove(output.source);
  output.pipe = Fd();
}

// What lies in the pipes when an entry goes; another holder of their other end may go on for ever.
void Entries::drain_rest(Entry& entry) {
  for (Output* output : {&entry.output, &entry.error}) {
    size_t left = output->pipe ? largest_pipe / turn_bytes : 0;
    while (left > 0 && drain(entry, *output)) --left;
    end_output(entry, *output);
  }
}

void Entries::reap(Entry& entry) {
  int status = 0;
  if (::waitpid(entry.pid, &status, WNOHANG) != entry.pid) return;
  entry.ended = true;
  entry.wait_status = status;
  entry.ended_at_ns = monotonic_ns();
  loop_.remove(entry.source);
  entry.pidfd = Fd();
  if (!entry.dropped) return ended_(entry);
  const auto found = dying_.find(&entry);
  std::unique_ptr<Entry> gone = std::move(found->second);
  dying_.erase(found);
  bury(std::move(gone));
}

Entry& Entries::make(const std::string& name) {
  std::unique_ptr<Entry>& slot = named_[name];
  if (!slot) {
    slot = std::make_unique<Entry>();
    slot->name = name;
  }
  return *slot;
}

Entry* Entries::find(const std::string& name) {
  const auto found = named_.find(name);
  return found == named_.end() ? nullptr : found->second.get();
}

const Entry* Entries::after(const std::string& name) const {
  const auto found = named_.upper_bound(name);
  return found == named_.end() ? nullptr : found->second.get();
}

void Entries::drop(const std::string& name) {
  const auto found = named_.find(name);
  if (found == named_.end()) return;
  std::unique_ptr<Entry> entry = std::move(found->second);
  named_.erase(found);
  entry->dropped = true;
  if (entry->pid == 0 || entry->ended) return bury(std::move(entry));
  ::kill(entry->pid, SIGKILL);  // its number stays its own until we reap it
  Entry* key = entry.get();
  dying_[key] = std::move(entry);
}

void Entries::bury(std::unique_ptr<Entry> entry) {
  drain_rest(*entry);
  closer_.close_later(std::move(entry->held));
}

}  // namespace vireo::keeper
