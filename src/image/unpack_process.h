// SPDX-License-Identifier: Apache-2.0
// One running vireo-unpack and its pipes.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "image/unpack.h"

namespace vireo {

class UnpackProcess {
 public:
  // `in`, `out` and `directory` become its descriptors 0, 1 and 3; an empty Fd: /dev/null, none.
  static Result<UnpackProcess> start(std::vector<std::string> arguments, const Fd& in,
                                     const Fd& out, const Fd& directory);
  UnpackProcess(UnpackProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), report_(std::move(other.report_)) {}
  UnpackProcess& operator=(UnpackProcess&&) = delete;
  UnpackProcess(const UnpackProcess&) = delete;
  UnpackProcess& operator=(const UnpackProcess&) = delete;
  ~UnpackProcess();  // kills and reaps what still runs

  // Waits for its end.
  Result<UnpackReport> finish();

 private:
  UnpackProcess(pid_t pid, Fd report) : pid_(pid), report_(std::move(report)) {}
  int reap();

  pid_t pid_;
  Fd report_;
};

}  // namespace vireo
