// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <thread>

#include "base/rollback.h"
#include "bench/commands.h"
#include "bench/peers.h"
#include "host/child_process.h"
#include "host/files.h"
#include "host/http_client.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr const char* mac = "02:97:00:00:00:10";
constexpr const char* address = "10.97.0.10";

class DockerProbe final : public Probe {
 public:
  explicit DockerProbe(PeerOptions options)
      : options_(std::move(options)),
        folder_(options_.work_folder + "/docker"),
        client_(folder_ + "/docker.sock") {
    auto program = dockerd();
    auto text = program ? run_script(libraries() + *program + " --version") : program;
    if (text && text->starts_with("Docker version "))
      name_ = fmt::format("docker {}", text->substr(15, text->find_first_of("+,") - 15));
  }

  std::vector<Row> rows() const override { return peer_start_rows(name_); }

  Result<void> prepare() override {
    TRY(start_daemon());
    TRY(make_network());
    TRY(load_image());
    ProbeTarget target{"bench-docker", *parse_ip("10.97.0.1"), *parse_ip(address), *parse_mac(mac),
                       8080};
    prober_ = TRY(SynProber::open(target));
    return {};
  }

  Result<Sample> measure() override {
    Sample sample;
    prober_->reset();
    Rollback quiet([this] { prober_->pause(); });
    std::string body = create_body();
    auto started = std::chrono::steady_clock::now();
    TRY(ask("POST", "/containers/create?name=bench", body));
    TRY(ask("POST", "/containers/bench/start", ""));
    auto answered = take_answers(*prober_, started, sample.values);
    TRY(ask("DELETE", "/containers/bench?force=1", ""));
    TRY(answered);
    return sample;
  }

  void clean_up() noexcept override {
    prober_.reset();
    if (!daemon_) return;
    // Its containerd is its child and ends with it.
    if (daemon_->signal(SIGTERM)) (void)daemon_->wait(20s).has_value();
    daemon_.reset();
    (void)run_script(
        "find /sys/fs/cgroup -maxdepth 2 -depth -type d -name vireo-bench-docker -exec rmdir {} +")
        .has_value();
  }

 private:
  std::string libraries() const {
    return options_.programs.empty() ? ""
                                     : fmt::format("LD_LIBRARY_PATH={}/../lib ", options_.programs);
  }

  Result<std::string> dockerd() const {
    if (!options_.dockerd.empty()) return options_.dockerd;
    return find_program(options_.programs, "dockerd");
  }

  Result<void> start_daemon() {
    std::string program = TRY(dockerd());
    TRY(make_directories(folder_));
    Fd log = TRY(open_path(folder_ + "/log", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    ChildCommand command;
    command.program = "sh";
    command.arguments = {
        "sh", "-c",
        fmt::format("exec env {}PATH={}:$PATH {} --data-root {}/data --exec-root {}/exec "
                    "--host unix://{}/docker.sock --pidfile {}/pid --iptables=false "
                    "--ip6tables=false --ip-masq=false --bridge=none",
                    libraries(), options_.programs, program, folder_, folder_, folder_, folder_)};
    command.output = command.error = log.get();
    daemon_ = TRY(ChildProcess::start(command));
    for (auto limit = std::chrono::steady_clock::now() + 30s;
         std::chrono::steady_clock::now() < limit;) {
      if (daemon_->wait(50ms)) break;
      if (ask("GET", "/_ping", "")) return {};
    }
    std::string text = read_file(folder_ + "/log").value_or("");
    return Error{Errc::unavailable,
                 fmt::format("dockerd did not start: {}",
                             text.substr(text.size() > 300 ? text.size() - 300 : 0))};
  }

  Result<void> make_network() {
    Json subnet = Json().set("Subnet", "10.97.0.0/24").set("Gateway", "10.97.0.1");
    Json network =
        Json()
            .set("Name", "bench")
            .set("Driver", "bridge")
            .set("IPAM", Json().set("Config", Json::array().push(subnet)))
            .set("Options", Json().set("com.docker.network.bridge.name", "bench-docker"));
    TRY(ask("POST", "/networks/create", network.dump()));
    // No address resolution on the clock: the SYN sender names the MAC itself, and answers find the
    // bridge's address in the container's table after the first exchange.
    TRY(run_script(fmt::format("ip neigh replace {} lladdr {} dev bench-docker", address, mac)));
    return {};
  }

  Result<void> load_image() {
    Fd archive = TRY(open_path(options_.root_archive, O_RDONLY));
    auto size = ::lseek(archive.get(), 0, SEEK_END);
    ::lseek(archive.get(), 0, SEEK_SET);
    HttpAnswer answer = TRY(client_.upload("/images/create?fromSrc=-&repo=bench&tag=1&changes=" +
                                               percent_encode("ENTRYPOINT [\"/listener\"]"),
                                           archive, static_cast<uint64_t>(size)));
    if (answer.status < 300) return {};
    return Error{Errc::unavailable, "docker does not take the image: " + answer.body};
  }

  std::string create_body() const {
    Json endpoint = Json().set("IPAMConfig", Json().set("IPv4Address", address));
    return Json()
        .set("Image", "bench:1")
        .set("MacAddress", mac)
        .set("HostConfig",
             Json().set("NetworkMode", "bench").set("CgroupParent", "/vireo-bench-docker"))
        .set("NetworkingConfig", Json().set("EndpointsConfig", Json().set("bench", endpoint)))
        .dump();
  }

  Result<std::string> ask(const char* method, const std::string& path, const std::string& body) {
    HttpAnswer answer = TRY(client_.request(method, path, body));
    if (answer.status < 300) return answer.body;
    return Error{Errc::unavailable, fmt::format("docker: {} {}: {}", method, path, answer.body)};
  }

  PeerOptions options_;
  std::string folder_, name_ = "docker";
  HttpClient client_;
  std::optional<ChildProcess> daemon_;
  std::unique_ptr<SynProber> prober_;
};

}  // namespace

std::unique_ptr<Probe> make_docker_start_probe(const PeerOptions& options) {
  return std::make_unique<DockerProbe>(options);
}

}  // namespace vireo::bench
