// SPDX-License-Identifier: Apache-2.0
#include "bench/settle.h"

#include <sstream>
#include <string>
#include <thread>

#include "host/files.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;

struct Ticks {
  unsigned long long idle = 0, all = 0;
};

// The first line of /proc/stat (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal.
Ticks ticks() {
  Ticks sum;
  std::istringstream line(read_file("/proc/stat").value_or(""));
  std::string name;
  line >> name;
  unsigned long long value = 0;
  for (int i = 0; i < 8 && line >> value; i++) {
    sum.all += value;
    if (i == 3 || i == 4) sum.idle += value;
  }
  return sum;
}

}  // namespace

void settle(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  std::this_thread::sleep_for(150ms);
  while (std::chrono::steady_clock::now() < end) {
    const Ticks before = ticks();
    std::this_thread::sleep_for(100ms);
    const Ticks after = ticks();
    if ((after.idle - before.idle) * 10 >= (after.all - before.all) * 9) return;
  }
}

}  // namespace vireo::bench
