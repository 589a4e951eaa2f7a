// SPDX-License-Identifier: Apache-2.0
// Owns one file descriptor and closes it. Every descriptor in the project is close-on-exec.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "base/result.h"

namespace vireo {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int raw) : raw_(raw) {}
  Fd(Fd&& other) noexcept : raw_(std::exchange(other.raw_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    Fd(std::move(other)).swap(*this);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (raw_ >= 0) ::close(raw_);
  }
  void swap(Fd& other) noexcept { std::swap(raw_, other.raw_); }
  int get() const { return raw_; }
  int release() { return std::exchange(raw_, -1); }
  explicit operator bool() const { return raw_ >= 0; }

  // A second descriptor of the same open file.
  Result<Fd> duplicate() const {
    int copy = ::fcntl(raw_, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return system_error("cannot duplicate a descriptor");
    return Fd(copy);
  }

 private:
  int raw_ = -1;
};

}  // namespace vireo
