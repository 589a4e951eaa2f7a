// SPDX-License-Identifier: Apache-2.0
// Churn: functions are created through the API, answer a ping, and are destroyed, without a pause,
// by one client or by several at the same time. Each second of a sample gives a figure: the lives
// that ended in it.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "bench/probe.h"

namespace vireo::bench {

struct ChurnOptions {
  std::string program;     // vireod
  std::string technology;  // of the function, a responder with one port
  std::string network;     // "10.86", each lab's own; each client has a subnet in it
  unsigned clients = 1;
  std::chrono::seconds duration{10};  // of a sample
  std::function<bool()> interrupted;  // asked before each life
};
std::unique_ptr<Probe> make_churn_probe(ChurnOptions options);

}  // namespace vireo::bench
