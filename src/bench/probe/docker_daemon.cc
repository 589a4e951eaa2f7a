// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/docker_daemon.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>

#include "bench/probe/commands.h"
#include "host/files.h"

namespace vireo::bench {

using namespace std::chrono_literals;

DockerDaemon::DockerDaemon(PeerOptions options)
    : options_(std::move(options)),
      folder_(options_.work_folder + "/docker"),
      client_(folder_ + "/docker.sock") {
  auto path = program();
  auto text = path ? run_script(environment() + *path + " --version") : path;
  if (text && text->starts_with("Docker version "))
    name_ = fmt::format("docker {}", text->substr(15, text->find_first_of("+,") - 15));
}

DockerDaemon::~DockerDaemon() {
  if (!daemon_) return;
  if (daemon_->signal(SIGTERM)) (void)daemon_->wait(20s).has_value();
  daemon_.reset();
  (void)run_script(
      "find /sys/fs/cgroup -maxdepth 2 -depth -type d -name vireo-bench-docker -exec rmdir {} +")
      .has_value();
}

std::string DockerDaemon::environment() const {
  if (options_.programs.empty()) return "env ";
  return fmt::format("env LD_LIBRARY_PATH={0}/../lib PATH={0}:$PATH ", options_.programs);
}

Result<std::string> DockerDaemon::program() const {
  if (!options_.dockerd.empty()) return options_.dockerd;
  return find_program(options_.programs, "dockerd");
}

Result<void> DockerDaemon::start() {
  if (!outcome_) outcome_ = make();
  return *outcome_;
}

Result<void> DockerDaemon::make() {
  std::string path = TRY(program());
  TRY(launch(path));
  TRY(wait_for_answer());
  Json subnet = Json().set("Subnet", "10.97.0.0/24").set("Gateway", gateway);
  Json network = Json()
                     .set("Name", "bench")
                     .set("Driver", "bridge")
                     .set("IPAM", Json().set("Config", Json::array().push(subnet)))
                     .set("Options", Json().set("com.docker.network.bridge.name", bridge));
  TRY(ask("POST", "/networks/create", network.dump()));
  return {};
}

Result<void> DockerDaemon::launch(const std::string& program) {
  TRY(make_directories(folder_));
  Fd log = TRY(open_path(folder_ + "/log", O_WRONLY | O_CREAT | O_TRUNC, 0600));
  ChildCommand command;
  command.program = "sh";
  command.arguments = {"sh", "-c",
                       fmt::format("exec {}{} --data-root {}/data --exec-root {}/exec "
                                   "--host unix://{}/docker.sock --pidfile {}/pid --iptables=false "
                                   "--ip6tables=false --ip-masq=false --bridge=none",
                                   environment(), program, folder_, folder_, folder_, folder_)};
  command.output = command.error = log.get();
  command.new_session = true;  // an interrupt from the terminal is for the bench alone
  daemon_ = TRY(ChildProcess::start(command));
  return {};
}

Result<void> DockerDaemon::wait_for_answer() {
  for (auto limit = std::chrono::steady_clock::now() + 30s;
       std::chrono::steady_clock::now() < limit;) {
    if (daemon_->wait(50ms)) break;
    if (ask("GET", "/_ping")) return {};
  }
  std::string text = read_file(folder_ + "/log").value_or("");
  return Error{Errc::unavailable,
               fmt::format("dockerd did not start: {}",
                           text.empty() ? "it ended without a word"
                                        : text.substr(text.size() > 300 ? text.size() - 300 : 0))};
}

Result<void> DockerDaemon::load(const std::string& name, const std::string& archive,
                                const std::vector<std::string>& entry_point) {
  Fd file = TRY(open_path(archive, O_RDONLY));
  auto size = ::lseek(file.get(), 0, SEEK_END);
  ::lseek(file.get(), 0, SEEK_SET);
  std::string change = "ENTRYPOINT " + json_of(entry_point).dump();
  HttpAnswer answer =
      TRY(client_.upload(fmt::format("/images/create?fromSrc=-&repo={}&tag=1&changes={}", name,
                                     percent_encode(change)),
                         file, static_cast<uint64_t>(size)));
  if (answer.status < 300) return {};
  return Error{Errc::unavailable, "docker does not take the image: " + answer.body};
}

std::string DockerDaemon::container(const std::string& image, const std::string& address,
                                    const std::string& mac) {
  Json endpoint = Json().set("IPAMConfig", Json().set("IPv4Address", address));
  return Json()
      .set("Image", image + ":1")
      .set("MacAddress", mac)
      .set("HostConfig",
           Json().set("NetworkMode", "bench").set("CgroupParent", "/vireo-bench-docker"))
      .set("NetworkingConfig", Json().set("EndpointsConfig", Json().set("bench", endpoint)))
      .dump();
}

Result<void> DockerDaemon::seed(const std::string& address, const std::string& mac) {
  TRY(run_script(fmt::format("ip neigh replace {} lladdr {} dev {}", address, mac, bridge)));
  return {};
}

Result<std::string> DockerDaemon::ask(const char* method, const std::string& path,
                                      const std::string& body) {
  HttpAnswer answer = TRY(client_.request(method, path, body));
  if (answer.status < 300) return answer.body;
  return Error{Errc::unavailable, fmt::format("docker: {} {}: {}", method, path, answer.body)};
}

}  // namespace vireo::bench
