// SPDX-License-Identifier: Apache-2.0
// epoll with a function for each descriptor. For one thread.
#pragma once
#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "base/fd.h"

namespace vireo::keeper {

class EventLoop {
 public:
  using Action = std::function<void(uint32_t events)>;

  EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

  // The descriptor stays the caller's and must be open until remove(). Gives an id, never 0.
  uint64_t add(int fd, uint32_t events, Action action) {
    const uint64_t id = ++last_;
    epoll_event wanted{events, {.u64 = id}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted);
    sources_[id] = Source{fd, std::make_shared<Action>(std::move(action))};
    return id;
  }
  void change(uint64_t id, uint32_t events) {
    epoll_event wanted{events, {.u64 = id}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, sources_.at(id).fd, &wanted);
  }
  void remove(uint64_t id) {
    const auto found = sources_.find(id);
    if (found == sources_.end()) return;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
    sources_.erase(found);
  }
  // One turn. False: nothing happened in `timeout_ms` (-1: waits for ever).
  bool turn(int timeout_ms) {
    epoll_event ready[64];
    const int count = ::epoll_wait(epoll_.get(), ready, 64, timeout_ms);
    for (int i = 0; i < count; ++i) {
      // Looked up again each time: an action may remove a source that is ready in the same turn.
      const auto found = sources_.find(ready[i].data.u64);
      if (found == sources_.end()) continue;
      const std::shared_ptr<Action> action = found->second.action;
      (*action)(ready[i].events);
    }
    return count != 0;
  }

 private:
  struct Source {
    int fd = -1;
    std::shared_ptr<Action> action;
  };
  Fd epoll_;
  uint64_t last_ = 0;
  std::unordered_map<uint64_t, Source> sources_;
};

}  // namespace vireo::keeper
