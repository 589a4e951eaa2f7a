// SPDX-License-Identifier: Apache-2.0
// Processes that stand still: `cgroup.freeze` of version 2
// (Documentation/admin-guide/cgroup-v2.rst), the freezer's hierarchy of version 1
// (cgroup-v1/freezer-subsystem.rst). In that one a group is made when it is frozen and goes when it
// is thawed, so that groups which never are cost nothing.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/rollback.h"
#include "base/text.h"
#include "host/cgroup.h"
#include "host/files.h"

namespace vireo {
namespace {

constexpr unsigned longest_ms = 2'000;

Result<void> until(const std::string& what, auto done) {
  for (unsigned waited = 0; !done(); waited++) {
    if (waited >= longest_ms) return Error{Errc::timed_out, what};
    ::poll(nullptr, 0, 1);
  }
  return {};
}

bool says(const std::string& path, std::string_view line) {
  const std::string text = read_file(path).value_or("");
  const auto lines = split(text, '\n');
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

void move(int pid, const std::string& directory) {  // one that has just ended cannot be moved
  (void)write_existing(directory + "/cgroup.procs", fmt::format("{}", pid));
}

std::string parent_of(const std::string& directory) {
  return directory.substr(0, directory.rfind('/'));
}

}  // namespace

bool Cgroup::frozen() const {
  if (v2()) return says(directories_[0].directory + "/cgroup.freeze", "1");
  return !freezer_.empty() && exists(freezer_);
}

Result<void> Cgroup::freeze() const {
  Rollback undo([this] { (void)thaw(); });
  if (v2()) {
    TRY(write_existing(directories_[0].directory + "/cgroup.freeze", "1"));
    TRY(until(fmt::format("{} does not stand still", name_),
              [this] { return says(directories_[0].directory + "/cgroup.events", "frozen 1"); }));
  } else {
    TRY(gather());
  }
  undo.dismiss();
  return {};
}

Result<void> Cgroup::thaw() const {
  if (!frozen()) return {};
  if (v2()) return write_existing(directories_[0].directory + "/cgroup.freeze", "0");
  return scatter();
}

// Who enters a frozen group stands still; children that were born meanwhile are found behind it.
Result<void> Cgroup::gather() const {
  if (freezer_.empty())
    return Error{Errc::unsupported,
                 "there is no freezer for control groups here: mount -t cgroup -o freezer freezer "
                 "/sys/fs/cgroup/freezer, then restart the daemon"};
  TRY(make_directories(freezer_));
  TRY(write_existing(freezer_ + "/freezer.state", "FROZEN"));
  return until(fmt::format("{} does not stand still", name_), [this] {
    const std::vector<int> inside = members_of(freezer_);
    bool all = true;
    for (int pid : processes())
      if (std::find(inside.begin(), inside.end(), pid) == inside.end()) {
        move(pid, freezer_);
        all = false;
      }
    return all && says(freezer_ + "/freezer.state", "FROZEN");
  });
}

Result<void> Cgroup::scatter() const {
  const std::string aside = parent_of(parent_of(freezer_));  // our own group
  TRY(write_existing(freezer_ + "/freezer.state", "THAWED"));
  return until(fmt::format("cannot remove control group {}", freezer_), [&] {
    for (int pid : members_of(freezer_)) move(pid, aside);
    return ::rmdir(freezer_.c_str()) == 0 || errno == ENOENT;
  });
}

}  // namespace vireo
