// SPDX-License-Identifier: Apache-2.0
// The control thread: one event loop that serves the API and runs the control plane's steps.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "api/exchange.h"
#include "base/clock.h"
#include "control/control.h"

namespace boost::asio {
class io_context;
}

namespace vireo {

class Loop final : public Scheduler {
 public:
  Loop();
  ~Loop() override;  // waits for work in the background

  boost::asio::io_context& context();
  // Runs control's steps, events and deadlines from now on.
  void attach(Control& control);
  // Until SIGTERM or SIGINT (or stop()).
  void run();
  void stop();

  void after(std::chrono::milliseconds delay, std::function<void()> action) override;
  void in_background(std::function<void()> work, std::function<void()> done) override;
  void post(std::function<void()> action) override;
  void on_readable(int fd, std::function<bool()> action) override;
  void stop_watching(int fd) override;
  void drive() override;

 private:
  struct State;
  void step();
  void arm_deadline();
  std::unique_ptr<State> state_;
};

}  // namespace vireo
