// SPDX-License-Identifier: Apache-2.0
// Daemons' connections: takes their requests, answers, tells every one of them what ended.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "host/fd_passing.h"
#include "keeper/entries.h"

namespace vireo::keeper {

class Server {
 public:
  // `listener` listens, is not blocking, and stays open as long as this.
  explicit Server(int listener);
  // Until nothing is held and no daemon has been connected for `grace_ms`, or, after `retire`, is
  // connected any more.
  void run(int grace_ms);

 private:
  struct Connection {
    Fd socket;
    uint64_t source = 0;
    Role role{};  // none before its hello
    std::deque<std::string> unsent;
  };
  struct Request {
    Connection& from;
    uint32_t sequence;
    Reader body;
    PassedMessage& message;
  };

  void accept();
  void ready(Connection& connection, uint32_t events);
  void read(Connection& connection);
  void close(Connection& connection);
  void greet(Connection& connection, Reader hello);
  void dispatch(Op op, Request& request);
  // What every request for a new entry begins with.
  struct Beginning {
    std::unique_ptr<Entry> entry = std::make_unique<Entry>();
    std::string log_path;
    uint64_t log_bytes = 0;
  };
  static Beginning read_beginning(Reader& body);
  void spawn(Request& request);
  void fork(Request& request);
  void hold(Request& request);
  void take(Request& request);
  void list(Request& request);
  void signal(Request& request);
  void answer(const Request& request, int error_number, Step step, const std::string& body = {},
              std::span<const int> fds = {});
  void answer_started(const Request& request, const Started& started);
  void announce(const Entry& entry);
  void flush(Connection& connection);

  int listener_;
  bool retiring_ = false;
  EventLoop loop_;
  Closer closer_;
  Entries entries_;
  std::map<Connection*, std::unique_ptr<Connection>> connections_;
};

}  // namespace vireo::keeper
