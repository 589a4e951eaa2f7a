// SPDX-License-Identifier: Apache-2.0
#include "behaviour/platform.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/json.h"
#include "host/netlink.h"

namespace vireo::behaviour {
namespace {

using namespace std::chrono_literals;

Result<void> stay_apart() {
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) return system_error("cannot unshare");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
    return system_error("cannot make mounts private");
  Netlink netlink = TRY(Netlink::open());
  TRY(netlink.commit(NetlinkBatch().change_link({.name = "lo", .up = true})));
  // Frames keep their order on one processor, from the hosts through every link.
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
  if (::sched_setaffinity(0, sizeof one, &one) < 0) return system_error("cannot stay on a CPU");
  // The ends of the wires have no stack: no addresses of their own accord.
  return write_existing("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
}

ChildCommand command(const std::string& program, const std::vector<std::string>& words) {
  ChildCommand made;
  made.program = program;
  made.arguments = words;
  made.arguments.insert(made.arguments.begin(), program);
  return made;
}

bool can_run(const std::string& program) {
  auto done = run_program(command(program, {"--version"}), 10s);
  return done && done->ok();
}

Technology reference_here() {
  for (const char* program : {"nft", "/usr/sbin/nft"})
    if (can_run(program)) return {reference, ""};
  return {reference, "there is no nft (Debian's package nftables)"};
}

}  // namespace

Result<std::unique_ptr<Platform>> Platform::start(const std::string& programs) {
  TRY(stay_apart());
  std::unique_ptr<Platform> made(new Platform(TRY(TemporaryDirectory::make("vireo-behaviour"))));
  made->programs_ = programs;
  TRY(made->start_daemon());
  TRY_IN("building the images", made->vireo({"image", "build", "all"}));
  TRY(made->find_technologies());
  return made;
}

Result<void> Platform::start_daemon() {
  const std::string at = folder_.path(), program = programs_ + "/vireod";
  const Fd log = TRY(open_path(at + "/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  ChildCommand daemon = command(
      program, {"--ephemeral", "--pool", "2", "--keep-loaded", "0", "--socket", at + "/socket",
                "--state-dir", at + "/state", "--runtime-dir", at + "/run"});
  daemon.output = daemon.error = log.get();
  daemon_ = TRY(ChildProcess::start(daemon));
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!exists(at + "/socket") || !vireo({"ps"})) {
    if (std::chrono::steady_clock::now() > end || daemon_->wait(10ms))
      return Error{Errc::internal, "no daemon: " + TRY(read_file(at + "/log"))};
  }
  return {};
}

Platform::~Platform() {
  if (!daemon_) return;
  (void)vireo({"rm", "--all"});
  (void)daemon_->signal(SIGTERM);
  (void)daemon_->wait(60s);
}

Result<std::string> Platform::vireo(std::vector<std::string> words) const {
  const std::string program = programs_ + "/vireo";
  words.insert(words.begin(), {"--socket", folder_.path() + "/socket"});
  const Finished done = TRY(run_program(command(program, words), 120s));
  if (done.ok()) return done.output;
  return Error{Errc::internal,
               fmt::format("vireo {}: {}{}", fmt::join(words, " "), done.output, done.error)};
}

Result<void> Platform::run(const std::string& descriptor) const {
  const std::string path = folder_.path() + "/service.yaml";
  TRY(replace_file(path, descriptor));
  TRY(vireo({"run", path}));
  return {};
}

Result<void> Platform::find_technologies() {
  const std::string text = TRY(vireo({"host", "--output", "json"}));
  const Json host = TRY(parse_json(text));
  for (const Json& each : host["technologies"].items()) {
    const std::string name = each["name"].text();
    if (name != "container" && !name.starts_with("unikernel.vireo.")) continue;
    std::string missing;
    for (const Json& what : each["missing"].items())
      missing += (missing.empty() ? "" : "; ") + what.text();
    if (missing.empty() && !each["possible"].boolean()) missing = "`vireo host` says so";
    technologies_.push_back({name, missing});
  }
  technologies_.push_back(reference_here());
  return {};
}

}  // namespace vireo::behaviour
