// SPDX-License-Identifier: Apache-2.0
// For tests: a function's image as a machine of QEMU's, emulated, without a platform.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "host/child_process.h"
#include "host/files.h"
#include "vnf/abi.h"

namespace vireo::unikernel {

struct QemuMachine {
  std::string image;                     // ".../bin/functions/forwarder.elf"
  std::string identity;                  // bytes of -initrd; "": without
  std::vector<std::string> networks;     // values of -netdev without `id`, of ports in order
  std::vector<int> fds;                  // become 3, 4, ... for `networks`
  std::vector<std::string> arguments{};  // more of them
  unsigned megabytes = 16;
};

std::string identity_bytes(const vnf::Identity& identity, const std::string& config);
template <class Config>
std::string identity_bytes(const vnf::Identity& identity, const Config& config) {
  return identity_bytes(identity,
                        std::string(reinterpret_cast<const char*>(&config), sizeof config));
}

// A running one. The destructor kills and reaps it.
class Qemu {
 public:
  static Result<std::unique_ptr<Qemu>> start(const QemuMachine& machine);
  // What came on the console since the start, as soon as `text` is there. Errc::timed_out.
  Result<std::string> console_until(const std::string& text);
  // The status as of waitpid().
  Result<int> wait_exit();
  const std::string& folder() const { return folder_.path(); }

 private:
  Qemu(TemporaryDirectory folder, ChildProcess process, Fd console)
      : folder_(std::move(folder)), process_(std::move(process)), console_(std::move(console)) {}
  TemporaryDirectory folder_;
  ChildProcess process_;
  Fd console_;
  std::string text_;
};

}  // namespace vireo::unikernel
