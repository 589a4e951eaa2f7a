// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <map>

#include "base/text.h"
#include "host/files.h"

namespace vireo {
namespace {

// Beside us in a build, in libexec when installed.
std::string default_programs() {
  const std::string own = own_folder();
  const std::string installed = own + "/../libexec/vireo";
  return ::access((installed + "/vireo-keeper").c_str(), X_OK) == 0 ? installed : own;
}

const std::map<std::string, DaemonMode> modes{
    {"serve", DaemonMode::serve},     {"local", DaemonMode::local},
    {"bench", DaemonMode::bench},     {"openapi", DaemonMode::openapi},
    {"version", DaemonMode::version}, {"--version", DaemonMode::version},
    {"help", DaemonMode::help},       {"--help", DaemonMode::help}};

std::map<std::string, std::string*> text_options(DaemonOptions& options) {
  return {{"--state-dir", &options.state_directory},
          {"--runtime-dir", &options.runtime_directory},
          {"--cgroup-root", &options.cgroup_root},
          {"--socket", &options.socket},
          {"--group", &options.group},
          {"--program-dir", &options.program_directory},
          {"--function-dir", &options.function_directory},
          {"--log-level", &options.log_level},
          {"--start-tier", &options.start_tier}};
}

Result<void> set_option(DaemonOptions& options, const std::string& name, const std::string& value) {
  auto texts = text_options(options);
  if (auto found = texts.find(name); found != texts.end()) {
    *found->second = value;
    return {};
  }
  if (name == "--packet-ports") {
    if (value != "tap" && value != "packet")
      return Error{Errc::invalid, "--packet-ports takes tap or packet"};
    options.packet_ports = value;
    return {};
  }
  if (name == "--fabric") {
    if (value != "auto" && value != "ebpf" && value != "bridge")
      return Error{Errc::invalid, "--fabric takes auto, ebpf or bridge"};
    options.fabric = value;
    return {};
  }
  if (name == "--keep-loaded") {
    uint64_t seconds = TRY_IN(name, parse_number(value));
    if (seconds > 86'400) return Error{Errc::invalid, "--keep-loaded takes 0 to 86400 seconds"};
    options.keep_loaded = static_cast<unsigned>(seconds);
    return {};
  }
  if (name != "--pool") {
    std::vector<std::string> known{"--pool",   "--keep-loaded", "--packet-ports",
                                   "--fabric", "--log-json",    "--ephemeral"};
    for (const auto& [option, target] : texts) known.push_back(option);
    std::string near = nearest(name, known);
    return Error{Errc::invalid, fmt::format("unknown option `{}`{}", name,
                                            near.empty() ? "" : "; did you mean `" + near + "`?")};
  }
  uint64_t size = TRY_IN("--pool", parse_number(value));
  if (size > 1000) return Error{Errc::invalid, "--pool takes 0 to 1000"};
  options.pool_size = static_cast<unsigned>(size);
  return {};
}

void fill_defaults(DaemonOptions& options) {
  if (options.program_directory.empty()) options.program_directory = default_programs();
  if (options.function_directory.empty())
    options.function_directory = options.program_directory + "/functions";
  if (options.socket.empty()) options.socket = options.runtime_directory + "/vireod.sock";
}

}  // namespace

Result<DaemonOptions> parse_options(int argc, char** argv) {
  DaemonOptions options;
  std::vector<std::string> words(argv + 1, argv + argc);
  for (size_t i = 0; i < words.size(); i++) {
    if (auto mode = modes.find(words[i]); mode != modes.end()) {
      options.mode = mode->second;
      options.arguments.assign(words.begin() + static_cast<ptrdiff_t>(i) + 1, words.end());
      if (options.mode == DaemonMode::local || options.mode == DaemonMode::bench) break;
      continue;
    }
    if (words[i] == "--log-json" || words[i] == "--ephemeral") {
      (words[i] == "--log-json" ? options.log_json : options.ephemeral) = true;
      continue;
    }
    std::string name = words[i].substr(0, words[i].find('='));
    bool inline_value = name.size() < words[i].size();
    if (!inline_value && i + 1 == words.size())
      return Error{Errc::invalid, fmt::format("`{}` lacks its value", name)};
    TRY(set_option(options, name, inline_value ? words[i].substr(name.size() + 1) : words[++i]));
  }
  fill_defaults(options);
  return options;
}

std::string usage_text() {
  return R"(usage: vireod [OPTIONS] [serve]            serve the API until SIGTERM
       vireod [OPTIONS] local VERB ...     run one verb of `vireo` against the state directory
       vireod bench ...                    measure, in a private daemon (`vireo bench --help`)
       vireod openapi | version | help

  --state-dir DIR      store, images, logs             (/var/lib/vireo)
  --runtime-dir DIR    socket, keeper                  (/run/vireo)
  --cgroup-root PATH   parent of instances' cgroups    (this process's own)
  --socket FILE        API socket, mode 0660           (RUNTIME/vireod.sock)
  --group NAME         group of the socket             (vireo)
  --program-dir DIR    vireo-keeper, vireo-unpack ...  (beside vireod, or ../libexec/vireo)
  --function-dir DIR   our functions' programs         (PROGRAMS/functions)
  --pool N             spare shells of each shape, and programs loaded ahead
                                                       (4; 0 starts everything cold)
  --keep-loaded SECONDS  a program that no service uses any more stays loaded  (60)
  --start-tier TIER    quickest way to start virtual machines: rehearsed, parked, fork, cold
                                                       (rehearsed; the others take less memory)
  --packet-ports KIND  of packet functions: tap, packet  (what the fabric does best)
  --fabric NAME        what joins functions: ebpf, bridge  (auto: ebpf where the kernel can)
  --ephemeral          remove services, spares and keeper at the end
  --log-level LEVEL    debug, info, warn, error        (info)
  --log-json           log lines as JSON
)";
}

}  // namespace vireo
