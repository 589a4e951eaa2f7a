// SPDX-License-Identifier: Apache-2.0
#include "host/http_client.h"

#include <gtest/gtest.h>

#include <thread>

#include "host/files.h"
#include "host/unix_socket.h"

namespace vireo {
namespace {

using namespace std::chrono_literals;
constexpr const char* answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string request_of(const UnixSocket& socket) {
  std::string text;
  while (text.find("\r\n\r\n") == std::string::npos) {
    auto message = socket.receive(4096, 5s);
    if (!message) return "";
    text += message->bytes;
  }
  return text.substr(0, text.find(' '));
}

TEST(HttpClient, a_post_gets_a_new_connection_when_the_server_closed_the_kept_one) {
  auto folder = TemporaryDirectory::make("http");
  ASSERT_TRUE(folder);
  std::string path = folder->path() + "/socket";
  auto listener = UnixListener::listen(path, SocketKind::stream, 0600);
  ASSERT_TRUE(listener);
  HttpClient client(path);
  std::vector<std::string> seen;
  auto serve_one = [&] {
    auto socket = listener->accept(5s);
    if (!socket) return;
    seen.push_back(request_of(*socket));
    (void)socket->send(answer).has_value();
  };  // closed behind its answer
  std::thread server(serve_one);
  auto first = client.request("POST", "/one");
  server.join();
  server = std::thread(serve_one);
  auto second = client.request("POST", "/two");
  server.join();
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->body, "ok");
  EXPECT_EQ(seen, (std::vector<std::string>{"POST", "POST"}));
}

}  // namespace
}  // namespace vireo
