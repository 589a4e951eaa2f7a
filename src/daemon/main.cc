// SPDX-License-Identifier: Apache-2.0
// vireod: serves the API and keeps the host as the services say.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>

#include "api/routes.h"
#include "base/log.h"
#include "daemon/local.h"
#include "daemon/loop.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/wiring.h"

namespace {

using namespace vireo;

int fail(const Error& error, int code) {
  fmt::print(stderr, "vireod: {}\n", error.message);
  return code;
}

int serve(const DaemonOptions& options) {
  Loop loop;
  auto daemon = Daemon::start(options, loop);
  if (!daemon) return fail(daemon.error(), 1);
  spdlog::info("serving socket={} state={}", options.socket, options.state_directory);
  if (auto told = notify_service_manager("READY=1"); !told) spdlog::warn(told.error().message);
  loop.run();
  if (auto told = notify_service_manager("STOPPING=1"); !told) spdlog::warn(told.error().message);
  spdlog::info("leaving; instances go on");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  auto options = parse_options(argc, argv);
  if (!options) {
    fmt::print(stderr, "vireod: {}\n\n{}", options.error().message, usage_text());
    return 2;
  }
  set_up_log(options->log_json ? LogFormat::json : LogFormat::text,
             spdlog::level::from_str(options->log_level));
  switch (options->mode) {
    case DaemonMode::help:
      fmt::print("{}", usage_text());
      return 0;
    case DaemonMode::version:
      fmt::print("vireod {}\n", VIREO_VERSION);
      return 0;
    case DaemonMode::openapi:
      fmt::print("{}\n", openapi_document().dump(1));
      return 0;
    case DaemonMode::serve:
      return serve(*options);
    case DaemonMode::local:
      return run_local(*options);
    case DaemonMode::bench:
      return run_bench(*options);
  }
  return 2;
}
