// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "base/rollback.h"
#include "bench/probe/commands.h"
#include "bench/probe/docker_daemon.h"
#include "bench/probe/syn_prober.h"

namespace vireo::bench {
namespace {

constexpr const char* mac = "02:97:00:00:00:10";
constexpr const char* address = "10.97.0.10";

class DockerStartProbe final : public Probe {
 public:
  DockerStartProbe(std::shared_ptr<DockerDaemon> docker, std::string archive)
      : docker_(std::move(docker)), archive_(std::move(archive)) {}

  std::vector<Row> rows() const override { return peer_start_rows(docker_->name()); }

  // The SYN sender names the MAC itself, and answers find the bridge's address in the container's
  // table after the first exchange.
  Result<void> prepare() override {
    TRY(docker_->start());
    TRY(docker_->load("bench", archive_, {"/listener"}));
    TRY(docker_->seed(address, mac));
    prober_ = TRY(SynProber::open({DockerDaemon::bridge, *parse_ip(DockerDaemon::gateway),
                                   *parse_ip(address), *parse_mac(mac), 8080}));
    return {};
  }

  Result<Sample> measure() override {
    Sample sample;
    prober_->reset();
    Rollback quiet([this] { prober_->pause(); });
    Rollback gone([this] { (void)remove().has_value(); });
    std::string body = DockerDaemon::container("bench", address, mac);
    auto started = std::chrono::steady_clock::now();
    TRY(docker_->ask("POST", "/containers/create?name=bench", body));
    TRY(docker_->ask("POST", "/containers/bench/start"));
    TRY(take_answers(*prober_, started, sample.values));
    gone.dismiss();
    TRY(remove());
    return sample;
  }

  void clean_up() noexcept override { prober_.reset(); }

 private:
  Result<std::string> remove() { return docker_->ask("DELETE", "/containers/bench?force=1"); }

  std::shared_ptr<DockerDaemon> docker_;
  std::string archive_;
  std::unique_ptr<SynProber> prober_;
};

}  // namespace

std::unique_ptr<Probe> make_docker_start_probe(std::shared_ptr<DockerDaemon> docker,
                                               const std::string& archive) {
  return std::make_unique<DockerStartProbe>(std::move(docker), archive);
}

}  // namespace vireo::bench
