// SPDX-License-Identifier: Apache-2.0
#include "keeper/log_file.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "host/files.h"

namespace vireo::keeper {
namespace {

std::string without_times(const std::string& records) {
  std::string joined;
  for (std::string_view line : split(records, '\n')) {
    if (!line.empty()) joined += std::string(line.substr(line.find(' ') + 1)) + "\n";
  }
  return joined;
}

TEST(LineCutter, cuts_lines_wherever_the_reads_ended) {
  LineCutter cutter("stderr");
  std::string records;
  cutter.add("on", records);
  EXPECT_EQ(records, "");
  cutter.add("e\n\ntw", records);
  cutter.add("o\n", records);
  EXPECT_EQ(without_times(records), "stderr F one\nstderr F \nstderr F two\n");
  EXPECT_TRUE(parse_timestamp(records.substr(0, records.find(' '))));
  records.clear();
  cutter.end(records);
  EXPECT_EQ(records, "") << "nothing is left after a newline";
}

TEST(LineCutter, cuts_long_lines_into_pieces) {
  const std::string piece(max_line, 'x');
  LineCutter cutter;
  std::string records;
  cutter.add(piece + piece + "tail\n" + piece + "\n", records);
  EXPECT_EQ(without_times(records), "stdout P " + piece + "\nstdout P " + piece +
                                        "\nstdout F tail\nstdout F " + piece + "\n");
  records.clear();
  for (int i = 0; i < 100; ++i) cutter.add(std::string(1000, 'y'), records);
  EXPECT_EQ(records.find('\n', 0) != std::string::npos, true) << "a line without an end is let go";
  cutter.end(records);
  size_t bytes = 0;
  for (char c : records) bytes += c == 'y' ? 1U : 0U;
  EXPECT_EQ(bytes, 100'000U);
}

class LogFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TemporaryDirectory::make("log");
    ASSERT_TRUE(made);
    directory_ = std::make_unique<TemporaryDirectory>(std::move(*made));
    path_ = directory_->path() + "/log";
  }
  std::string content(const std::string& suffix = "") {
    auto read = read_file(path_ + suffix);
    return read ? *read : "(absent)";
  }
  std::unique_ptr<TemporaryDirectory> directory_;
  std::string path_;
};

TEST_F(LogFileTest, rotates_between_records_before_the_limit) {
  const LogFile log(path_, 10);
  log.append("aaa\nbbb\n");
  EXPECT_EQ(content(), "aaa\nbbb\n");
  log.append("ccc\n");
  EXPECT_EQ(content(), "ccc\n");
  EXPECT_EQ(content(".1"), "aaa\nbbb\n");
  log.append("ddd\neee\nfff\n");
  EXPECT_EQ(content(".1"), "ccc\nddd\n");
  EXPECT_EQ(content(), "eee\nfff\n");
}

TEST_F(LogFileTest, a_record_over_the_limit_gets_a_file_of_its_own) {
  const LogFile log(path_, 4);
  log.append("a\nlonger\nb\n");
  EXPECT_EQ(content(), "b\n");
  EXPECT_EQ(content(".1"), "longer\n");
}

TEST_F(LogFileTest, does_not_follow_links_and_forgets_what_cannot_be_written) {
  ASSERT_EQ(::symlink("/dev/null", path_.c_str()), 0);
  const LogFile link(path_, 100);
  EXPECT_FALSE(link.can_open());
  EXPECT_EQ(errno, ELOOP);
  link.append("lost\n");
  const LogFile absent(directory_->path() + "/no/log", 100);
  EXPECT_FALSE(absent.can_open());
  absent.append("lost\n");
}

}  // namespace
}  // namespace vireo::keeper
