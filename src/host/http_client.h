// SPDX-License-Identifier: Apache-2.0
// A small HTTP/1.1 client over a unix socket: one connection, one request at a time, blocking.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

struct HttpAnswer {
  unsigned status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// Not thread-safe. Opens its connection at the first request and again when the server closed it.
class HttpClient {
 public:
  explicit HttpClient(std::string socket_path) : path_(std::move(socket_path)) {}

  Result<HttpAnswer> request(std::string_view method, std::string_view target,
                             std::string_view body = {});
  // Sends `size` bytes of `body` from its current position. `progress` hears how many are sent, at
  // least every tenth of a second; when it says false the connection is closed.
  Result<HttpAnswer> upload(std::string_view target, const Fd& body, uint64_t size,
                            const std::function<bool(uint64_t)>& progress = {});
  // Hands each piece of the answer's body to `piece` as it arrives, until the end or until it
  // returns false. An answer other than 200 comes back whole.
  Result<HttpAnswer> stream(std::string_view target,
                            const std::function<bool(std::string_view)>& piece);
  // POST with `Upgrade: protocol`; on 101 the connection is yours, else the answer's problem.
  // `received`: what the peer sent behind the head already, to be read before the connection.
  Result<Fd> upgrade(std::string_view target, std::string_view protocol, std::string_view body,
                     std::string& received);

 private:
  Result<void> connect();
  Result<void> send(std::string_view bytes);
  Result<HttpAnswer> read_head();
  Result<void> read_body(HttpAnswer& answer, const std::function<bool(std::string_view)>& piece);
  Result<bool> more();  // false: the server closed
  Result<std::string> line();

  std::string path_;
  Fd socket_;
  std::string received_;
};

std::string percent_encode(std::string_view text);  // all but unreserved characters (RFC 3986)

}  // namespace vireo
