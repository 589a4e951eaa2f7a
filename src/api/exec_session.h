// SPDX-License-Identifier: Apache-2.0
// Carries a process's terminal or pipes over an upgraded connection in the frames of docs/api.md.
#pragma once
#include <memory>
#include <string>

#include "api/exchange.h"
#include "driver/driver.h"

namespace vireo {

// Control thread only; lives by itself (shared) until the process has ended and its output is sent,
// or the client has gone (then its terminal hangs up, or its input ends).
class ExecSession : public std::enable_shared_from_this<ExecSession> {
 public:
  ExecSession(Scheduler& scheduler, Executor& executor, Executor::Session session, Fd client);
  void start();

 private:
  bool read_client();
  bool read_output(Fd& from, char kind);
  bool read_exit();
  void take_frame(char kind, std::string_view payload);
  void close_watched(Fd& fd);
  void send(char kind, std::string_view payload);
  void finish_if_done();

  Scheduler& scheduler_;
  Executor& executor_;
  Executor::Session session_;
  Fd client_;
  std::string received_;
  bool exited_ = false;
  int code_ = 0;
};

}  // namespace vireo
