// SPDX-License-Identifier: Apache-2.0
// Removes interfaces and closes their descriptors in the background: each waits 16-20 ms for the
// kernel, together they wait once.
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "host/netlink.h"

namespace vireo {

class Reaper {
 public:
  struct Remains {
    int index = 0;   // of the near end
    int bridge = 0;  // 0: of a spare
    Fd descriptor;
  };
  // In the namespace of `fabric`.
  explicit Reaper(Netlink fabric);
  ~Reaper();  // finishes first
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  void add(Remains remains);
  void wait_idle();  // until all that was added is gone

 private:
  void run();
  void reap(std::vector<Remains> slice);
  void forget_neighbours(const std::vector<Remains>& slice);

  Netlink fabric_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Remains> waiting_;
  bool busy_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace vireo
