// SPDX-License-Identifier: Apache-2.0
// The process that machines are forked from (vmm/zygote.h): one in each keeper that has room, made
// anew when it is of no use any more.
#include <fmt/format.h>

#include "base/log.h"
#include "driver/vmm/vmm_driver.h"
#include "vmm/vmm_protocol.h"

namespace vireo {

namespace {

constexpr std::string_view entry_prefix = "vmm-zygote-";

}  // namespace

// In the keeper's control groups, as the machines are that nothing limits: a group of its own would
// be theirs, and had to stay when it has ended.
Result<std::string> VmmDriver::make_zygote() {
  auto [ours, theirs] = TRY(UnixSocket::pair(SocketKind::packets));
  SpawnRequest request;
  {
    std::lock_guard lock(mutex_);
    request.name = fmt::format("{}{}", entry_prefix, next_++);
  }
  request.executable = vmm_.get();
  request.arguments = {"vireo-vmm"};
  request.fds = {theirs.fd().get(), kvm_.get(), filters_.zygote.get(), filters_.machine.get(),
                 network_.get()};
  request.hold = {ours.fd().get()};
  const std::string name = request.name;
  auto link = keeper();
  if (!link) return Error{Errc::unavailable, "the keeper is not running"};
  TRY(link->spawn(request));
  return name;
}

// Another one than `useless`, which is given up.
Result<std::string> VmmDriver::zygote(const std::string& useless) {
  std::lock_guard lock(zygote_mutex_);
  if (zygote_ != useless) return zygote_;
  drop_zygote();
  zygote_ = TRY_IN("prepare virtual machines", make_zygote());
  return zygote_;
}

void VmmDriver::drop_zygote() {
  auto link = keeper();
  if (link && !zygote_.empty()) (void)link->drop(std::exchange(zygote_, {}));
}

bool VmmDriver::is_zygote(std::string_view entry) { return entry.starts_with(entry_prefix); }

// A zygote that has ended, or whose keeper has no room or is another by now, is found out by use.
Result<Spawned> VmmDriver::fork(ForkRequest request) {
  request.zygote = TRY(zygote({}));
  for (bool again : {true, false}) {
    auto link = keeper();
    if (!link) return Error{Errc::unavailable, "the keeper is not running"};
    auto forked = link->fork(request);
    if (forked || !again) return forked;
    spdlog::warn("{}: with a new zygote", forked.error().message);
    request.zygote = TRY(zygote(request.zygote));
  }
  return Error{Errc::internal, "unreachable"};
}

}  // namespace vireo
