// SPDX-License-Identifier: Apache-2.0
// Debian's dockerd, started by the bench in its own namespaces: private data root, socket and
// bridge. One for all measurements.
#pragma once
#include <optional>
#include <string>

#include "base/json.h"
#include "bench/probe/peers.h"
#include "host/child_process.h"
#include "host/http_client.h"

namespace vireo::bench {

class DockerDaemon {
 public:
  static constexpr const char* bridge = "bench-docker";
  static constexpr const char* gateway = "10.97.0.1";  // the bridge's own address

  explicit DockerDaemon(PeerOptions options);
  ~DockerDaemon();  // its containerd ends with it
  DockerDaemon(const DockerDaemon&) = delete;
  DockerDaemon& operator=(const DockerDaemon&) = delete;

  const std::string& name() const { return name_; }  // "docker 20.10.24"
  // With its network made. Repeated: success, or the same error.
  Result<void> start();
  // A root archive as image `name`:1.
  Result<void> load(const std::string& name, const std::string& archive,
                    const std::vector<std::string>& entry_point);
  // What /containers/create takes, for a container on the bridge.
  static std::string container(const std::string& image, const std::string& address,
                               const std::string& mac);
  // A seeded neighbour: no address resolution while something is measured.
  Result<void> seed(const std::string& address, const std::string& mac);
  // The answer's body; an answer from 300 on is an error.
  Result<std::string> ask(const char* method, const std::string& path,
                          const std::string& body = "");

 private:
  Result<std::string> program() const;
  std::string environment() const;
  Result<void> make();
  Result<void> launch(const std::string& program);
  Result<void> wait_for_answer();

  PeerOptions options_;
  std::string folder_, name_ = "docker";
  HttpClient client_;
  std::optional<ChildProcess> daemon_;
  std::optional<Result<void>> outcome_;
};

}  // namespace vireo::bench
