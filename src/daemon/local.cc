// SPDX-License-Identifier: Apache-2.0
#include "daemon/local.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include "base/log.h"
#include "daemon/loop.h"
#include "daemon/wiring.h"
#include "host/child_process.h"

namespace vireo {
namespace {

int fail(const Error& error) {
  fmt::print(stderr, "vireo: {}\n", error.message);
  return 1;
}

ChildCommand verb_command(const DaemonOptions& options) {
  ChildCommand command;
  command.program = options.program_directory + "/vireo";
  command.arguments = {"vireo", "--socket", options.socket};
  command.arguments.insert(command.arguments.end(), options.arguments.begin(),
                           options.arguments.end());
  command.input = 0;
  command.output = 1;
  command.error = 2;
  return command;
}

}  // namespace

int run_local(const DaemonOptions& options) {
  spdlog::set_level(spdlog::level::warn);
  Loop loop;
  auto daemon = Daemon::start(options, loop);
  if (!daemon) return fail(daemon.error());
  auto verb = ChildProcess::start(verb_command(options));
  if (!verb) return fail(verb.error());
  loop.on_readable(verb->pidfd().get(), [&loop] {
    loop.stop();
    return false;
  });
  loop.run();
  auto status = verb->wait(std::chrono::seconds(1));
  if (!status) return fail(status.error());
  return WIFEXITED(*status) ? WEXITSTATUS(*status) : 1;
}

}  // namespace vireo
