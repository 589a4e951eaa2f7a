// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <thread>

#include "host/files.h"

namespace vireo {
namespace {

// A server on its own thread, and a client that speaks raw HTTP to it.
class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.socket = directory_.path() + "/socket";
    options.spool_directory = directory_.path();
    options.largest_body = 1000;
    server_ = *Server::listen(
        context_, options, [this](const ExchangePtr& exchange) { handle(exchange); },
        [](std::string_view, std::string_view path) { return path == "/spool"; });
    thread_ = std::thread([this] { context_.run(); });
  }
  void TearDown() override {
    context_.stop();
    thread_.join();
    kept_.reset();
    server_.reset();
  }

  void handle(const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    if (request.path == "/stream") {
      exchange->begin("text/plain");
      exchange->write("one");
      exchange->write("two");
      return exchange->end();
    }
    if (request.path == "/wait") {
      kept_ = exchange;
      exchange->begin("text/plain");
      exchange->on_gone([this] { gone_.store(true); });
      return;
    }
    if (request.path == "/spool") {
      struct stat info {};
      ::fstat(request.body_file.get(), &info);
      return exchange->reply({200, "text/plain", std::to_string(info.st_size), {}});
    }
    exchange->reply({200,
                     "text/plain",
                     request.method + " " + request.path + " " + request.body,
                     {{"X-User", std::to_string(request.uid)}}});
  }

  Fd connect() {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string path = directory_.path() + "/socket";
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  // What comes back until the server closes, or until `enough` is in it.
  std::string ask(const Fd& fd, const std::string& text, const std::string& enough = {}) {
    EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
    std::string answer;
    char buffer[4096];
    while (enough.empty() || answer.find(enough) == std::string::npos) {
      ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
      if (n <= 0) break;
      answer.append(buffer, static_cast<size_t>(n));
    }
    return answer;
  }

  TemporaryDirectory directory_ = *TemporaryDirectory::make("vireo-server");
  boost::asio::io_context context_{1};
  std::unique_ptr<Server> server_;
  std::thread thread_;
  ExchangePtr kept_;
  std::atomic<bool> gone_{false};
};

TEST_F(ServerTest, answers_one_request_after_another_on_a_connection) {
  Fd client = connect();
  std::string first =
      ask(client, "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", "hi");
  EXPECT_NE(first.find("200 OK"), std::string::npos);
  EXPECT_NE(first.find("PUT /a hi"), std::string::npos);
  EXPECT_NE(first.find("X-User: " + std::to_string(::getuid())), std::string::npos);
  EXPECT_NE(ask(client, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n", "GET /b").find("GET /b"),
            std::string::npos);
}

TEST_F(ServerTest, refuses_a_body_that_is_too_large) {
  std::string body(2000, 'x');
  std::string answer =
      ask(connect(), "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n" + body);
  EXPECT_NE(answer.find("413"), std::string::npos) << answer;
}

TEST_F(ServerTest, spools_a_large_body_to_a_file) {
  std::string body(200'000, 'x');
  std::string answer =
      ask(connect(),
          "POST /spool HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n" +
              body);
  EXPECT_NE(answer.find("200000"), std::string::npos) << answer;
}

TEST_F(ServerTest, streams_in_chunks) {
  std::string answer = ask(connect(), "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(answer.find("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), std::string::npos) << answer;
}

TEST_F(ServerTest, notices_a_streaming_client_that_leaves) {
  {
    Fd client = connect();
    ask(client, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", "chunked");
  }
  for (auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
       !gone_ && std::chrono::steady_clock::now() < limit;)
    std::this_thread::yield();
  EXPECT_TRUE(gone_);
}

TEST_F(ServerTest, bytes_that_are_no_http_end_the_connection) {
  EXPECT_EQ(ask(connect(), "hello\r\n\r\n"), "");
}

TEST_F(ServerTest, the_socket_is_for_owner_and_group_only) {
  struct stat info {};
  ASSERT_EQ(::stat((directory_.path() + "/socket").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
}

}  // namespace
}  // namespace vireo
