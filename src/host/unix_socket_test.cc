// SPDX-License-Identifier: Apache-2.0
#include "host/unix_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "host/files.h"

namespace vireo {
namespace {

using namespace std::chrono_literals;

class UnixSocketTest : public ::testing::TestWithParam<SocketKind> {
 protected:
  void SetUp() override {
    auto made = TemporaryDirectory::make("socket");
    ASSERT_TRUE(made);
    directory_ = std::make_unique<TemporaryDirectory>(std::move(*made));
  }
  std::unique_ptr<TemporaryDirectory> directory_;
};

TEST_P(UnixSocketTest, carries_bytes_descriptors_and_who_it_is) {
  const std::string path = directory_->path() + "/s";
  auto listener = UnixListener::listen(path, GetParam(), 0600);
  ASSERT_TRUE(listener) << listener.error().message;
  struct stat facts {};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  auto client = UnixSocket::connect(path, GetParam());
  ASSERT_TRUE(client) << client.error().message;
  auto server = listener->accept(10s);
  ASSERT_TRUE(server);
  EXPECT_EQ(server->peer()->pid, ::getpid());
  EXPECT_EQ(server->peer()->uid, ::getuid());

  auto memory = sealed_memory("m", "content");
  const int fds[] = {memory->get(), memory->get()};
  ASSERT_TRUE(client->send("hello", fds));
  auto message = server->receive(100, 10s);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->bytes, "hello");
  ASSERT_EQ(message->fds.size(), 2U);
  EXPECT_NE(::fcntl(message->fds[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  char byte = 0;
  EXPECT_EQ(::pread(message->fds[1].get(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 'c');

  EXPECT_EQ(server->receive(100, 0ms).error().code, Errc::timed_out);
  *client = UnixSocket();
  EXPECT_EQ(server->receive(100, 10s).error().code, Errc::unavailable);
  EXPECT_EQ(server->send("x").error().code, Errc::unavailable);
}

TEST_P(UnixSocketTest, says_who_does_not_listen) {
  const std::string path = directory_->path() + "/s";
  EXPECT_EQ(UnixSocket::connect(path, GetParam()).error().code, Errc::not_found);
  {
    auto listener = UnixListener::listen(path, GetParam(), 0600);
    ASSERT_TRUE(listener);
    EXPECT_EQ(listener->accept(0ms).error().code, Errc::timed_out);
  }
  EXPECT_EQ(UnixSocket::connect(path, GetParam()).error().code, Errc::unavailable);
  EXPECT_TRUE(UnixListener::listen(path, GetParam(), 0600)) << "replaces what is left over";
}

TEST_P(UnixSocketTest, never_replaces_a_file_that_is_no_socket) {
  const std::string path = directory_->path() + "/s";
  ASSERT_TRUE(replace_file(path, "precious"));
  EXPECT_EQ(UnixListener::listen(path, GetParam(), 0600).error().code, Errc::conflict);
  EXPECT_EQ(*read_file(path), "precious");
}

TEST_P(UnixSocketTest, takes_paths_longer_than_an_address) {
  const std::string folder = directory_->path() + "/" + std::string(150, 'd');
  ASSERT_TRUE(make_directories(folder));
  auto listener = UnixListener::listen(folder + "/s", GetParam(), 0600);
  ASSERT_TRUE(listener) << listener.error().message;
  EXPECT_TRUE(UnixSocket::connect(folder + "/s", GetParam()));
  EXPECT_EQ(
      UnixListener::listen(folder + "/" + std::string(150, 's'), GetParam(), 0600).error().code,
      Errc::invalid);
}

INSTANTIATE_TEST_SUITE_P(Kind, UnixSocketTest,
                         ::testing::Values(SocketKind::packets, SocketKind::stream),
                         [](const auto& kind) {
                           return kind.param == SocketKind::packets ? "packets" : "stream";
                         });

TEST(UnixSocket, keeps_the_borders_of_packets) {
  auto pair = UnixSocket::pair(SocketKind::packets);
  ASSERT_TRUE(pair);
  ASSERT_TRUE(pair->first.send("one"));
  ASSERT_TRUE(pair->first.send("two and more"));
  EXPECT_EQ(pair->second.receive(100, 10s)->bytes, "one");
  EXPECT_EQ(pair->second.receive(5, 10s).error().code, Errc::corrupt);
}

TEST(UnixSocket, refuses_too_many_descriptors) {
  auto pair = UnixSocket::pair(SocketKind::packets);
  ASSERT_TRUE(pair);
  const std::vector<int> most(max_passed_fds, 0), more(max_passed_fds + 1, 0);
  EXPECT_EQ(pair->first.send("x", more).error().code, Errc::invalid);
  ASSERT_TRUE(pair->first.send("x", most));
  EXPECT_EQ(pair->second.receive(10, 10s)->fds.size(), max_passed_fds);
}

}  // namespace
}  // namespace vireo
