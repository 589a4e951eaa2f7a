// SPDX-License-Identifier: Apache-2.0
// A private daemon for the suite, in network and mount namespaces of its own; and which
// technologies can run here.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/child_process.h"
#include "host/files.h"

namespace vireo::behaviour {

inline constexpr const char* reference = "linux";  // Linux' own router, nftables

struct Technology {
  std::string name;
  std::string missing;  // why it cannot run; "": it can
};

class Platform {
 public:
  // Leaves the caller's namespaces for good. Programs are taken from the folder `programs`.
  static Result<std::unique_ptr<Platform>> start(const std::string& programs);
  ~Platform();  // removes all instances and ends the daemon

  // Those of the platform's packet functions, and the reference.
  const std::vector<Technology>& technologies() const { return technologies_; }
  // A command of the CLI: its output, or what it said.
  Result<std::string> vireo(std::vector<std::string> words) const;
  Result<void> run(const std::string& descriptor) const;

 private:
  explicit Platform(TemporaryDirectory folder) : folder_(std::move(folder)) {}
  Result<void> start_daemon();
  Result<void> find_technologies();

  TemporaryDirectory folder_;
  std::string programs_;
  std::optional<ChildProcess> daemon_;
  std::vector<Technology> technologies_;
};

// The one of this program, from main(); nullptr: it could not be started.
Platform* platform();

}  // namespace vireo::behaviour
