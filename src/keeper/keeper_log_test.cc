// SPDX-License-Identifier: Apache-2.0
// Output of real processes through the keeper into files.
#include <sys/stat.h>

#include "base/text.h"
#include "keeper/keeper_fixture.h"

namespace vireo {
namespace {

class KeeperLogTest : public KeeperTest {
 protected:
  SpawnRequest logged(const std::string& name, const std::string& script) {
    SpawnRequest request = shell(name, script);
    request.log_file = path() + "/" + name + ".log";
    return request;
  }
  // The records without their times, which are checked.
  std::string records(const std::string& name) {
    const std::string content = read_file(path() + "/" + name + ".log").value_or("(no file)");
    std::string joined;
    for (std::string_view line : split(content, '\n')) {
      if (line.empty()) continue;
      EXPECT_TRUE(parse_timestamp(line.substr(0, line.find(' ')))) << line;
      joined += std::string(line.substr(line.find(' ') + 1)) + "\n";
    }
    return joined;
  }
  // Everything that was written lies in the file when drop() has taken effect.
  void finish(const std::string& name) {
    EXPECT_EQ(next_event(*client_).name, name);
    EXPECT_TRUE(client_->drop(name));
    EXPECT_TRUE(client_->list());
  }
};

TEST_F(KeeperLogTest, writes_both_outputs_in_the_cri_format) {
  ASSERT_TRUE(client_->spawn(logged("web", "echo one; printf 'no newline'")));
  finish("web");
  EXPECT_EQ(records("web"), "stdout F one\nstdout F no newline\n");
  ASSERT_TRUE(client_->spawn(logged("err", "echo; echo two >&2")));
  finish("err");
  const std::string both = records("err");
  EXPECT_NE(both.find("stdout F \n"), std::string::npos) << both;
  EXPECT_NE(both.find("stderr F two\n"), std::string::npos) << both;
}

TEST_F(KeeperLogTest, goes_on_at_the_end_of_a_file_that_is_there) {
  ASSERT_TRUE(client_->spawn(logged("web", "echo first")));
  finish("web");
  ASSERT_TRUE(client_->spawn(logged("web", "echo second")));
  finish("web");
  EXPECT_EQ(records("web"), "stdout F first\nstdout F second\n");
}

TEST_F(KeeperLogTest, output_after_the_end_of_the_process_is_kept) {
  TestPipe gate;
  SpawnRequest request = logged("web", "(read x <&3; echo late) & exit 0");
  request.fds = {gate.read.get()};
  ASSERT_TRUE(client_->spawn(request));
  EXPECT_EQ(next_event(*client_).name, "web");
  const std::string log = path() + "/web.log";
  EXPECT_FALSE(exists(log));  // it has written nothing yet
  gate.read = Fd();
  gate.write = Fd();
  const SteadyTime deadline = SteadyTime::clock::now() + std::chrono::seconds(20);
  while (!exists(log) && SteadyTime::clock::now() < deadline) {
    ASSERT_TRUE(client_->list());  // a turn of the keeper
  }
  EXPECT_EQ(records("web"), "stdout F late\n");
}

TEST_F(KeeperLogTest, output_of_a_process_outlives_its_daemon) {
  TestPipe gate;
  SpawnRequest request = logged("web", "read x <&3; echo done");
  request.fds = {gate.read.get()};
  ASSERT_TRUE(client_->spawn(request));
  client_.reset();
  gate.write = Fd();
  client_ = connect();
  if (!client_->list()->front().ended) {
    EXPECT_EQ(next_event(*client_).name, "web");
  }
  ASSERT_TRUE(client_->drop("web"));
  ASSERT_TRUE(client_->list());
  EXPECT_EQ(records("web"), "stdout F done\n");
}

TEST_F(KeeperLogTest, a_flood_is_capped_and_holds_nobody_up) {
  SpawnRequest request = logged("flood", "head -c 3000000 /dev/zero | tr '\\0' '\\n'; echo last");
  request.log_bytes = 100'000;
  ASSERT_TRUE(client_->spawn(request));
  SpawnRequest quiet = shell("quiet", "exit 0");
  ASSERT_TRUE(client_->spawn(quiet));
  EXPECT_EQ(next_event(*client_).name, "quiet") << "before the end of the flood";
  finish("flood");
  const std::string log = path() + "/flood.log";
  for (const std::string& file : {log, log + ".1"}) {
    auto content = read_file(file);
    ASSERT_TRUE(content);
    EXPECT_LE(content->size(), 100'000U);
    EXPECT_GT(content->size(), 0U);
  }
  EXPECT_TRUE(records("flood").ends_with("stdout F last\n"));
  EXPECT_FALSE(exists(log + ".2"));
}

}  // namespace
}  // namespace vireo
