// SPDX-License-Identifier: Apache-2.0
// One HTTP request and its answer, free of any transport: routes are written and tested against it.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"

namespace vireo {

struct Request {
  std::string method;
  std::string path;                           // as sent, without the query
  std::map<std::string, std::string> query;   // decoded
  std::map<std::string, std::string> params;  // `{name}` parts of the route's pattern, decoded
  std::string body;
  Fd body_file;      // instead of `body` where the route spools it
  uint32_t uid = 0;  // of the peer, as the kernel says
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Used on the control thread only. Either reply() once, or begin(), write()..., end(), or
// upgrade().
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  virtual void reply(Response response) = 0;
  virtual void begin(const std::string& content_type) = 0;
  virtual void write(std::string bytes) = 0;  // dropped when the client has gone
  virtual void end() = 0;
  // False once the client has gone, or does not read what was written (more than 4 MiB wait).
  virtual bool wanted() const = 0;
  virtual void on_gone(std::function<void()> callback) = 0;
  // Answers 101 and hands over the connection, non-blocking.
  virtual Result<Fd> upgrade(const std::string& protocol) = 0;
};
using ExchangePtr = std::shared_ptr<Exchange>;

// The control thread's loop as routes need it.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  virtual void after(std::chrono::milliseconds delay, std::function<void()> action) = 0;
  // `work` on a thread of its own, then `done` on the control thread. Progress comes by post().
  virtual void in_background(std::function<void()> work, std::function<void()> done) = 0;
  virtual void post(std::function<void()> action) = 0;  // from any thread
  // Calls `action` each time `fd` is readable until it returns false. The caller keeps `fd` open
  // until then, or calls stop_watching() first.
  virtual void on_readable(int fd, std::function<bool()> action) = 0;
  virtual void stop_watching(int fd) = 0;
  // Something was asked of control: run its steps.
  virtual void drive() = 0;
};

Response json_response(const Json& body, unsigned status = 200);
// RFC 9457 problem details; the status is that of the error's code.
Response problem_response(const Error& error);
unsigned status_of(Errc code);

}  // namespace vireo
