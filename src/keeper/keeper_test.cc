// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "host/unix_socket.h"
#include "keeper/keeper_fixture.h"
#include "keeper/protocol.h"

namespace vireo {
namespace {

using namespace std::chrono_literals;

TEST_F(KeeperTest, runs_a_program_and_tells_how_it_ended) {
  TestPipe pipe;
  SpawnRequest request = shell("web", "echo \"hello $NAME\" >&3; exit 7");
  request.text =
      std::string("opaque \0 text", 13);  // NOLINT(bugprone-string-literal-with-embedded-nul)
  request.environment.emplace_back("NAME=world");
  request.fds = {pipe.write.get()};
  auto spawned = client_->spawn(request);
  ASSERT_TRUE(spawned) << spawned.error().message;
  EXPECT_GT(spawned->pid, 0);
  EXPECT_TRUE(wait_readable(spawned->pidfd.get()));
  pipe.write = Fd();
  EXPECT_EQ(read_all(pipe.read), "hello world\n");

  const KeeperClient::Event event = next_event(*client_);
  EXPECT_EQ(event.name, "web");
  EXPECT_TRUE(WIFEXITED(event.wait_status) && WEXITSTATUS(event.wait_status) == 7);
  EXPECT_GT(event.at_ns, 0U);

  auto entries = client_->list();
  ASSERT_TRUE(entries && entries->size() == 1);
  EXPECT_EQ(entries->front().text, request.text);
  EXPECT_EQ(entries->front().pid, spawned->pid);
  EXPECT_TRUE(entries->front().ended);
  EXPECT_EQ(entries->front().wait_status, event.wait_status);
  EXPECT_EQ(entries->front().ended_at_ns, event.at_ns);

  ASSERT_TRUE(client_->drop("web"));
  EXPECT_TRUE(client_->list()->empty());
}

TEST_F(KeeperTest, keeps_the_end_for_a_daemon_that_comes_later) {
  ASSERT_TRUE(client_->spawn(shell("lost", "kill -9 $$")));
  next_event(*client_);
  const int keeper = client_->keeper_pid();
  client_.reset();
  client_ = connect();
  EXPECT_EQ(client_->keeper_pid(), keeper);
  auto entries = client_->list();
  ASSERT_TRUE(entries && entries->size() == 1);
  EXPECT_TRUE(WIFSIGNALED(entries->front().wait_status));
  EXPECT_EQ(WTERMSIG(entries->front().wait_status), SIGKILL);
}

TEST_F(KeeperTest, every_client_hears_of_an_end) {
  auto second = connect();
  ASSERT_TRUE(client_->spawn(shell("a", "exit 3")));
  EXPECT_EQ(next_event(*client_).name, "a");
  EXPECT_EQ(next_event(*second).name, "a");
}

TEST_F(KeeperTest, signals_and_drop_reach_the_process) {
  auto asked = client_->spawn(shell("asked", "sleep 100"));
  ASSERT_TRUE(asked);
  ASSERT_TRUE(client_->signal("asked", SIGTERM));
  EXPECT_EQ(WTERMSIG(next_event(*client_).wait_status), SIGTERM);
  EXPECT_TRUE(client_->signal("asked", SIGTERM));
  EXPECT_TRUE(client_->signal("unknown", SIGTERM));

  auto dropped = client_->spawn(shell("dropped", "sleep 100"));
  ASSERT_TRUE(dropped);
  ASSERT_TRUE(client_->drop("dropped"));
  EXPECT_TRUE(client_->drop("unknown"));
  EXPECT_TRUE(wait_readable(dropped->pidfd.get()));
  EXPECT_EQ(client_->list()->size(), 1U);
  EXPECT_TRUE(client_->spawn(shell("dropped", "exit 0"))) << "the name is free at once";
}

TEST_F(KeeperTest, holds_descriptors_and_gives_duplicates_in_order) {
  TestPipe first, second;
  SpawnRequest request = shell("port", "sleep 100");
  request.hold = {first.write.get()};
  ASSERT_TRUE(client_->spawn(request));
  ASSERT_TRUE(client_->hold("port", "new text", {second.write.get()}));
  EXPECT_EQ(client_->list()->front().held, 2U);
  EXPECT_EQ(client_->list()->front().text, "new text");

  first.write = Fd();
  second.write = Fd();
  auto taken = client_->take("port");
  ASSERT_TRUE(taken && taken->size() == 2);
  EXPECT_EQ(::write((*taken)[0].get(), "1", 1), 1);
  EXPECT_EQ(::write((*taken)[1].get(), "2", 1), 1);
  taken->clear();
  ASSERT_TRUE(client_->drop("port"));
  EXPECT_EQ(read_all(first.read), "1") << "the keeper closed it after the drop";
  EXPECT_EQ(read_all(second.read), "2");
  EXPECT_EQ(client_->take("port").error().code, Errc::not_found);
}

TEST_F(KeeperTest, holds_more_descriptors_than_one_message_takes) {
  TestPipe pipe;
  const std::vector<int> many(200, pipe.write.get());
  ASSERT_TRUE(client_->hold("many", "", many));
  ASSERT_TRUE(client_->hold("many", "", many));
  auto taken = client_->take("many");
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->size(), 400U);
  EXPECT_EQ(client_->hold("many", "", std::vector<int>(254, 0)).error().code, Errc::invalid);
}

TEST_F(KeeperTest, lists_more_entries_than_one_message_takes) {
  const std::string text(4096, 't');
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client_->hold(std::to_string(i), text, {}));
  auto entries = client_->list();
  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->size(), 100U);
  EXPECT_EQ(entries->back().text, text);
  EXPECT_EQ(client_->hold("x", text + "t", {}).error().code, Errc::invalid);
  EXPECT_EQ(client_->hold("", text, {}).error().code, Errc::invalid);
}

TEST_F(KeeperTest, tells_when_it_is_gone_and_is_started_again) {
  kill_and_wait(pidfd_of_keeper());
  EXPECT_EQ(next_event(*client_).name, "");
  EXPECT_EQ(client_->list().error().code, Errc::unavailable);
  EXPECT_EQ(client_->hold("a", "", {}).error().code, Errc::unavailable);
  EXPECT_EQ(client_->spawn(shell("a", "exit 0")).error().code, Errc::unavailable);
  client_ = connect();
  EXPECT_TRUE(client_->list()->empty());
}

TEST_F(KeeperTest, ends_when_it_holds_nothing_and_nobody_is_connected) {
  const Fd keeper = pidfd_of_keeper();
  client_.reset();
  EXPECT_TRUE(wait_readable(keeper.get()));
  EXPECT_FALSE(exists(path() + "/keeper"));
}

TEST_F(KeeperTest, a_retired_one_ends_only_when_it_holds_nothing) {
  TestPipe pipe;
  ASSERT_TRUE(client_->hold("kept", "", {pipe.write.get()}));
  const int before = client_->keeper_pid();
  const Fd keeper = pidfd_of_keeper();
  ASSERT_TRUE(client_->retire());
  client_.reset();
  EXPECT_FALSE(wait_readable(keeper.get(), 100)) << "it ended and let go what it held";
  client_ = connect();
  ASSERT_TRUE(client_);
  EXPECT_EQ(client_->keeper_pid(), before);
  ASSERT_TRUE(client_->drop("kept"));
  ASSERT_TRUE(client_->retire());
  client_.reset();
  EXPECT_TRUE(wait_readable(keeper.get()));
}

TEST_F(KeeperTest, many_that_connect_at_once_share_one_keeper) {
  kill_and_wait(pidfd_of_keeper());
  std::vector<std::unique_ptr<KeeperClient>> clients(8);
  std::vector<std::thread> threads;
  for (auto& client : clients) threads.emplace_back([&] { client = connect(); });
  for (std::thread& thread : threads) thread.join();
  for (auto& client : clients) {
    ASSERT_TRUE(client);
    EXPECT_EQ(client->keeper_pid(), clients[0]->keeper_pid());
  }
  client_ = std::move(clients[0]);
}

TEST_F(KeeperTest, serves_a_folder_with_a_long_path) {
  const std::string deep = path() + "/" + std::string(120, 'd');
  ASSERT_TRUE(make_directories(deep));
  auto client = KeeperClient::connect(deep, KEEPER_PROGRAM);
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_TRUE((*client)->list()->empty());
  kill_and_wait(Fd(static_cast<int>(::syscall(SYS_pidfd_open, (*client)->keeper_pid(), 0))));
}

TEST_F(KeeperTest, says_why_it_cannot_be_started) {
  auto none = KeeperClient::connect(path() + "/absent", KEEPER_PROGRAM);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("absent: No such file"), std::string::npos)
      << none.error().message;
  EXPECT_FALSE(KeeperClient::connect(path() + "/absent", "/no/such/program"));
}

TEST_F(KeeperTest, refuses_another_protocol_version) {
  auto socket = UnixSocket::connect(path() + "/keeper", SocketKind::packets);
  ASSERT_TRUE(socket);
  keeper::Writer hello;
  hello.number(keeper::Op::hello).number<uint32_t>(0).number<uint32_t>(99);
  hello.number(keeper::Role::requests);
  ASSERT_TRUE(socket->send(hello.bytes()));
  auto reply = socket->receive(1024, 10s);
  ASSERT_TRUE(reply);
  keeper::Reader reader(reply->bytes);
  EXPECT_EQ(reader.number<int32_t>(), EPROTONOSUPPORT);
  EXPECT_EQ(reader.number<uint32_t>(), keeper::protocol_version);
  EXPECT_EQ(socket->receive(1024, 10s).error().code, Errc::unavailable);
}

TEST_F(KeeperTest, explains_a_keeper_of_another_version) {
  const std::string other = path() + "/other";
  ASSERT_TRUE(make_directories(other));
  auto listener = UnixListener::listen(other + "/keeper", SocketKind::packets, 0600);
  ASSERT_TRUE(listener);
  std::thread future_keeper([&] {
    auto peer = listener->accept(10s);
    if (!peer || !peer->receive(1024, 10s)) return;
    keeper::Writer reply;
    reply.number<int32_t>(EPROTONOSUPPORT).number<uint32_t>(12);
    EXPECT_TRUE(peer->send(reply.bytes()));
  });
  auto client = KeeperClient::connect(other, KEEPER_PROGRAM);
  future_keeper.join();
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Errc::unsupported);
  EXPECT_NE(client.error().message.find("speaks protocol 12"), std::string::npos);
}

TEST_F(KeeperTest, survives_nonsense) {
  for (const std::string& bytes :
       {std::string("x"), std::string(300, '\xff'), std::string("\x02\0\0\0\0", 5)}) {
    for (const bool greeted : {false, true}) {
      auto socket = UnixSocket::connect(path() + "/keeper", SocketKind::packets);
      ASSERT_TRUE(socket);
      keeper::Writer hello;
      hello.number(keeper::Op::hello).number<uint32_t>(0).number(keeper::protocol_version);
      hello.number(keeper::Role::requests);
      if (greeted) {
        ASSERT_TRUE(socket->send(hello.bytes()));
        ASSERT_TRUE(socket->receive(1024, 10s));
      }
      ASSERT_TRUE(socket->send(bytes));
      EXPECT_TRUE(wait_readable(socket->fd().get())) << "closed, or answered with an error";
    }
  }
  EXPECT_TRUE(client_->list()->empty());
}

TEST_F(KeeperTest, serves_several_threads_of_a_daemon) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 5; ++i) {
        const std::string name = std::to_string(t) + "-" + std::to_string(i);
        EXPECT_TRUE(client_->spawn(shell(name, "exit 0")));
        EXPECT_TRUE(client_->hold(name, "held", {0}));
        EXPECT_EQ(client_->take(name)->size(), 1U);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client_->list()->size(), 20U);
}

}  // namespace
}  // namespace vireo
