// SPDX-License-Identifier: Apache-2.0
#include "daemon/loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <list>
#include <vector>

namespace vireo {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

struct Loop::State {
  asio::io_context context{1};
  asio::signal_set signals{context, SIGTERM, SIGINT};
  asio::steady_timer deadline{context};
  std::map<int, std::shared_ptr<asio::posix::stream_descriptor>> watched;
  std::list<std::thread> background;
  Control* control = nullptr;
  bool stepping = false;
};

Loop::Loop() : state_(std::make_unique<State>()) {}

Loop::~Loop() {
  for (std::thread& thread : state_->background) thread.join();
  // The descriptors belong to others, who may have closed them already.
  for (auto& [fd, descriptor] : state_->watched) descriptor->release();
}

asio::io_context& Loop::context() { return state_->context; }

void Loop::attach(Control& control) {
  state_->control = &control;
  for (int fd : control.event_fds())
    on_readable(fd, [this] {
      state_->control->handle_events();
      drive();
      return true;
    });
  drive();
}

void Loop::run() {
  state_->signals.async_wait([this](ErrorCode error, int) {
    if (!error) stop();
  });
  auto work = asio::make_work_guard(state_->context);
  state_->context.run();
}

void Loop::stop() { state_->context.stop(); }

void Loop::after(std::chrono::milliseconds delay, std::function<void()> action) {
  auto timer = std::make_shared<asio::steady_timer>(state_->context, delay);
  timer->async_wait([timer, action = std::move(action)](ErrorCode error) {
    if (!error) action();
  });
}

void Loop::post(std::function<void()> action) { asio::post(state_->context, std::move(action)); }

void Loop::in_background(std::function<void()> work, std::function<void()> done) {
  auto& thread = state_->background.emplace_back();
  auto self = std::prev(state_->background.end());
  thread = std::thread([this, self, work = std::move(work), done = std::move(done)] {
    work();
    post([this, self, done] {
      self->join();
      state_->background.erase(self);
      done();
    });
  });
}

static void wait_readable(const std::shared_ptr<asio::posix::stream_descriptor>& descriptor,
                          const std::shared_ptr<std::function<bool()>>& action, Loop* loop,
                          int fd) {
  descriptor->async_wait(asio::posix::stream_descriptor::wait_read,
                         [descriptor, action, loop, fd](ErrorCode error) {
                           if (error || !descriptor->is_open()) return;
                           if (!(*action)()) return loop->stop_watching(fd);
                           if (descriptor->is_open()) wait_readable(descriptor, action, loop, fd);
                         });
}

void Loop::on_readable(int fd, std::function<bool()> action) {
  auto descriptor = std::make_shared<asio::posix::stream_descriptor>(state_->context, fd);
  state_->watched[fd] = descriptor;
  wait_readable(descriptor, std::make_shared<std::function<bool()>>(std::move(action)), this, fd);
}

void Loop::stop_watching(int fd) {
  auto found = state_->watched.find(fd);
  if (found == state_->watched.end()) return;
  found->second->release();
  state_->watched.erase(found);
}

void Loop::drive() {
  if (state_->stepping || state_->control == nullptr) return;
  state_->stepping = true;
  post([this] { step(); });
}

// One step a turn, so that requests are served between the steps of a long operation.
void Loop::step() {
  state_->stepping = false;
  if (state_->control->work()) return drive();
  arm_deadline();
}

void Loop::arm_deadline() {
  auto next = state_->control->next_deadline();
  if (!next) return;
  state_->deadline.expires_at(*next);
  state_->deadline.async_wait([this](ErrorCode error) {
    if (error) return;
    state_->control->tick();
    drive();
  });
}

}  // namespace vireo
