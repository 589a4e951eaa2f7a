// SPDX-License-Identifier: Apache-2.0
// A server for tests of verbs: answers requests on a unix socket from a list made beforehand.
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "host/files.h"

namespace vireo {

class FakeDaemon {
 public:
  struct Answer {
    int status = 200;
    std::string body;
    std::string raw;  // sent behind the head as it is (after an upgrade)
  };
  using Answers = std::map<std::string, Answer>;
  // `answers`: "GET /v1/services" -> what to say. Anything else is 404. `answered` is told of each
  // request on the server's thread, and may change what is said next.
  explicit FakeDaemon(Answers answers,
                      std::function<void(const std::string&, Answers&)> answered = {})
      : folder_(*TemporaryDirectory::make("vireo-cli")),
        answers_(std::move(answers)),
        answered_(std::move(answered)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(listener_.get(), 8) == 0)
      server_ = std::thread([this] { serve(); });
  }
  ~FakeDaemon() {
    ::shutdown(listener_.get(), SHUT_RDWR);  // wakes accept()
    if (server_.joinable()) server_.join();
  }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  std::string socket() const { return folder_.path() + "/s"; }
  std::string folder() const { return folder_.path(); }
  // After the verb has ended: "METHOD TARGET" and the bodies, in order.
  const std::vector<std::string>& requests() const { return requests_; }
  const std::vector<std::string>& bodies() const { return bodies_; }

 private:
  void serve() {
    for (;;) {
      Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return;
      answer(connection);  // one request a connection: the answer says close
    }
  }
  void answer(const Fd& connection) {
    std::string text;
    size_t end = 0;
    size_t length = 0;
    char buffer[4096];
    do {
      ssize_t n = ::recv(connection.get(), buffer, sizeof buffer, 0);
      if (n <= 0) return;
      text.append(buffer, static_cast<size_t>(n));
      end = text.find("\r\n\r\n");
      if (size_t at = text.find("Content-Length: "); at < end)
        length = std::stoul(text.substr(at + 16));
    } while (end == std::string::npos || text.size() < end + 4 + length);
    std::string request = text.substr(0, text.find(" HTTP/1.1"));
    requests_.push_back(request);
    bodies_.push_back(text.substr(end + 4));
    auto found = answers_.find(request);
    Answer reply =
        found != answers_.end() ? found->second : Answer{404, R"({"detail":"no such thing"})", ""};
    if (answered_) answered_(request, answers_);
    std::string out = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\nConnection: close\r\n";
    if (reply.status == 101)
      out += "\r\n" + reply.raw;
    else
      out += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
    [[maybe_unused]] ssize_t n = ::send(connection.get(), out.data(), out.size(), MSG_NOSIGNAL);
    while (reply.status == 101 && ::recv(connection.get(), buffer, sizeof buffer, 0) > 0) continue;
  }

  TemporaryDirectory folder_;
  Answers answers_;
  std::function<void(const std::string&, Answers&)> answered_;
  Fd listener_;
  std::thread server_;
  std::vector<std::string> requests_, bodies_;
};

}  // namespace vireo
