// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/iperf.h"
#include "bench/probe/path.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr const char* mac = "02:97:00:00:00:20";
constexpr const char* far_address = "10.97.0.20";

class DockerPath final : public Path {
 public:
  DockerPath(std::shared_ptr<DockerDaemon> docker, std::string archive)
      : docker_(std::move(docker)), archive_(std::move(archive)) {}
  ~DockerPath() override {
    if (outcome() && *outcome())
      (void)docker_->ask("DELETE", "/containers/iperf?force=1").has_value();
  }

  Row row() const override { return peer_row(docker_->name()); }

 private:
  Result<std::string> make() override {
    TRY(iperf_version());
    TRY(docker_->start());
    TRY(docker_->load("iperf", archive_, iperf_server()));
    TRY(docker_->ask("POST", "/containers/create?name=iperf",
                     DockerDaemon::container("iperf", far_address, mac)));
    TRY(docker_->ask("POST", "/containers/iperf/start"));
    TRY(wait_for_iperf(far_address, 5s));
    return std::string(far_address);
  }

  std::shared_ptr<DockerDaemon> docker_;
  std::string archive_;
};

}  // namespace

std::shared_ptr<Path> make_docker_path(std::shared_ptr<DockerDaemon> docker,
                                       std::string iperf_archive) {
  return std::make_shared<DockerPath>(std::move(docker), std::move(iperf_archive));
}

}  // namespace vireo::bench
