// SPDX-License-Identifier: Apache-2.0
// Processes that a zygote makes.
#include <sys/socket.h>

#include "keeper/keeper_fixture.h"

namespace vireo {
namespace {

class KeeperForkTest : public KeeperTest {
 protected:
  void SetUp() override {
    KeeperTest::SetUp();
    program_ = Fd(::open(TEST_ZYGOTE, O_PATH | O_CLOEXEC));
    ASSERT_TRUE(program_);
    begin("zygote");
  }
  void begin(const std::string& name) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const Fd ours(ends[0]), theirs(ends[1]);
    SpawnRequest request;
    request.name = name;
    request.executable = program_.get();
    request.arguments = {"zygote"};
    request.fds = {theirs.get()};
    request.hold = {ours.get()};
    auto spawned = client_->spawn(request);
    ASSERT_TRUE(spawned) << spawned.error().message;
  }
  // The other end of its link.
  Fd fork(const std::string& name, char letter, const std::string& zygote = "zygote") {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const Fd theirs(ends[1]);
    ForkRequest request;
    request.name = name;
    request.zygote = zygote;
    request.argument = static_cast<uint64_t>(letter);
    request.fds = {theirs.get()};
    request.log_file = path() + "/" + name + ".log";
    forked_ = client_->fork(request);
    return Fd(ends[0]);
  }
  static char first_of(const Fd& link) {
    char letter = 0;
    return ::read(link.get(), &letter, 1) == 1 ? letter : '-';
  }
  Fd program_;
  Result<Spawned> forked_ = Error{Errc::internal, "not yet"};
};

TEST_F(KeeperForkTest, are_the_keepers_children_and_reaped_by_it) {
  Fd link = fork("one", 'a');
  ASSERT_TRUE(forked_) << forked_.error().message;
  EXPECT_EQ(first_of(link), 'a');
  const std::string status =
      read_file("/proc/" + std::to_string(forked_->pid) + "/status").value_or("");
  EXPECT_NE(status.find("PPid:\t" + std::to_string(client_->keeper_pid()) + "\n"),
            std::string::npos);
  link = Fd();
  const KeeperClient::Event event = next_event(*client_);
  EXPECT_EQ(event.name, "one");
  EXPECT_EQ(WEXITSTATUS(event.wait_status), 'a');
  ASSERT_TRUE(client_->drop("one") && client_->settle());
  EXPECT_NE(read_file(path() + "/one.log").value_or("").find("a"), std::string::npos);
}

TEST_F(KeeperForkTest, have_their_names_and_outlive_the_zygote) {
  const Fd one = fork("one", 'a');
  ASSERT_TRUE(forked_);
  const Fd again = fork("one", 'b');
  ASSERT_FALSE(forked_);
  EXPECT_EQ(forked_.error().code, Errc::conflict);
  ASSERT_TRUE(client_->drop("zygote"));
  const Fd two = fork("two", 'c');
  EXPECT_FALSE(forked_);
  begin("other");
  const Fd three = fork("three", 'd', "other");
  ASSERT_TRUE(forked_) << forked_.error().message;
  EXPECT_EQ(first_of(one), 'a');
  EXPECT_EQ(first_of(three), 'd');
}

TEST_F(KeeperForkTest, a_zygote_that_ends_while_it_is_asked_is_an_error_and_of_no_more_use) {
  const Fd none = fork("one", 0);
  ASSERT_FALSE(forked_);
  EXPECT_NE(forked_.error().message.find("zygote"), std::string::npos);
  const Fd neither = fork("two", 'a');
  EXPECT_FALSE(forked_);
  auto entries = client_->list();
  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->size(), 1u);  // the zygote itself
}

}  // namespace
}  // namespace vireo
