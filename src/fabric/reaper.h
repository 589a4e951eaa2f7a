// SPDX-License-Identifier: Apache-2.0
// What nobody waits for, in the background: removes interfaces and closes their descriptors (each
// waits 16-20 ms for the kernel, together they wait once), and labels interfaces for who looks at
// them with ip-link(8).
#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "host/netlink.h"

namespace vireo {

class Reaper {
 public:
  struct Remains {
    int index = 0;   // of the near end
    int bridge = 0;  // 0: none
    Fd descriptor;
  };
  // What else must go, while the interfaces are still there; on the reaper's thread.
  using Before = std::function<void(Netlink& fabric, const std::vector<Remains>& slice)>;
  // In the namespace of `fabric`.
  explicit Reaper(Netlink fabric, Before before = {});
  ~Reaper();  // finishes first
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  void add(Remains remains);
  // A moment after wake(): it takes the kernel's lock of the network from a start, and so would
  // this thread the processor, were it woken at once.
  void label(int index, std::string alias);
  void wake();

 private:
  void run();
  std::vector<Remains> take_slice();
  void reap(const std::vector<Remains>& slice);
  void write_labels(const std::map<int, std::string>& labels);

  Netlink fabric_;
  Before before_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Remains> waiting_;
  std::map<int, std::string> labels_;
  bool ending_ = false, woken_ = false;
  std::thread thread_;
};

}  // namespace vireo
