// SPDX-License-Identifier: Apache-2.0
// A private daemon that keeps many virtual machines loaded ahead, all from one template: each is of
// a program of its own, which differs in its environment alone.
#pragma once
#include <chrono>
#include <memory>
#include <string>

#include "bench/probe/lab.h"

namespace vireo::bench {

struct SparesOptions {
  std::string program;  // vireod
  std::string tier;     // "parked", "rehearsed"
  unsigned count = 100;
  std::chrono::seconds keep{3};  // what is loaded and not used stays as long
};

// Blocking; one thread.
class Spares {
 public:
  // Errc::unsupported: this host cannot run them.
  static Result<std::unique_ptr<Spares>> start(const SparesOptions& options);

  Result<void> start_all();   // all programs: what was loaded is used, and will be made anew
  Result<void> remove_all();  // the spares stay for `keep`
  Result<unsigned> loaded();
  Result<void> wait_full(std::chrono::milliseconds limit);
  // Spares a second of the pool's last refill as a whole.
  Result<double> refill_rate();
  Result<void> wait_for(unsigned loaded, std::chrono::milliseconds limit);

  static constexpr const char* technology = "unikernel.vireo.kvm";

 private:
  Spares(unsigned count, std::unique_ptr<Lab> lab) : count_(count), lab_(std::move(lab)) {}
  std::string descriptor() const;

  unsigned count_;
  std::unique_ptr<Lab> lab_;
};

}  // namespace vireo::bench
