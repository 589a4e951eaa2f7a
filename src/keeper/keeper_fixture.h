// SPDX-License-Identifier: Apache-2.0
// A real keeper in a folder of its own, for tests; it is ended with the test.
#pragma once
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <string>
#include <vector>

#include "host/files.h"
#include "keeper/keeper_client.h"

namespace vireo {

inline bool wait_readable(int fd, int timeout_ms = 20'000) {
  pollfd wanted{fd, POLLIN, 0};
  return ::poll(&wanted, 1, timeout_ms) == 1;
}

// What comes until the end of a pipe.
inline std::string read_all(const Fd& pipe) {
  std::string all;
  char buffer[4096];
  while (wait_readable(pipe.get())) {
    const ssize_t size = ::read(pipe.get(), buffer, sizeof buffer);
    if (size <= 0) return all;
    all.append(buffer, static_cast<size_t>(size));
  }
  return all + "(no end)";
}

struct TestPipe {
  Fd read, write;
  TestPipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
};

class KeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TemporaryDirectory::make("keeper");
    ASSERT_TRUE(made) << made.error().message;
    directory_ = std::make_unique<TemporaryDirectory>(std::move(*made));
    client_ = connect();
    ASSERT_TRUE(client_);
    shell_ = Fd(::open("/bin/sh", O_PATH | O_CLOEXEC));
  }

  void TearDown() override {
    if (!client_) return;
    auto entries = client_->list();
    if (entries) {
      for (const KeeperEntry& entry : *entries) EXPECT_TRUE(client_->drop(entry.name));
    }
    std::vector<Fd> keepers;
    for (int pid : client_->keeper_pids()) keepers.push_back(pidfd_of(pid));
    client_.reset();
    for (const Fd& keeper : keepers) kill_and_wait(keeper);
  }

  std::unique_ptr<KeeperClient> connect() {
    auto client = KeeperClient::connect(path(), KEEPER_PROGRAM);
    EXPECT_TRUE(client) << client.error().message;
    return client ? std::move(*client) : nullptr;
  }
  const std::string& path() const { return directory_->path(); }
  static Fd pidfd_of(int pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }
  Fd pidfd_of_keeper() const { return pidfd_of(client_->keeper_pid()); }
  static void kill_and_wait(const Fd& pidfd) {
    ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    EXPECT_TRUE(wait_readable(pidfd.get()));
  }

  SpawnRequest shell(const std::string& name, const std::string& script) const {
    SpawnRequest request;
    request.name = name;
    request.executable = shell_.get();
    request.arguments = {"sh", "-c", script};
    request.environment = {"PATH=/usr/bin:/bin"};
    return request;
  }
  // Starts it with a pipe as descriptor 3 and gives what it wrote there.
  std::string output_of(SpawnRequest request) {
    TestPipe pipe;
    request.fds = {pipe.write.get()};
    auto spawned = client_->spawn(request);
    EXPECT_TRUE(spawned) << spawned.error().message;
    pipe.write = Fd();
    return read_all(pipe.read);
  }
  KeeperClient::Event next_event(KeeperClient& client) {
    EXPECT_TRUE(wait_readable(client.event_fd()));
    std::vector<KeeperClient::Event> events = client.take_events();
    EXPECT_EQ(events.size(), 1U);
    return events.empty() ? KeeperClient::Event{} : events.front();
  }
  size_t fds_of_keeper() const {
    auto names = list_directory("/proc/" + std::to_string(client_->keeper_pid()) + "/fd");
    return names ? names->size() : 0;
  }

  std::unique_ptr<TemporaryDirectory> directory_;
  std::unique_ptr<KeeperClient> client_;
  Fd shell_;
};

}  // namespace vireo
