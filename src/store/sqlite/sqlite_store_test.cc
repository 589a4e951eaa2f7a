// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "host/files.h"

namespace vireo {
namespace {

// Stands in for a full disk: writes beyond it fail with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit now{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &old_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
};

class SqliteStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TemporaryDirectory::make("sqlite");
    ASSERT_TRUE(made);
    directory_ = std::make_unique<TemporaryDirectory>(std::move(*made));
    path_ = directory_->path() + "/state.db";
  }
  void fill(size_t records) {
    auto store = SqliteStore::open(path_);
    ASSERT_TRUE(store);
    for (size_t i = 0; i < records; ++i) {
      const Write write[] = {{"key/" + std::to_string(i), std::string(500, 'v'), {}}};
      ASSERT_TRUE((*store)->commit(write));
    }
  }
  void damage(off_t at, const std::string& bytes) {
    const Fd file(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), at),
              static_cast<ssize_t>(bytes.size()));
  }
  Error open_error() {
    auto store = SqliteStore::open(path_);
    EXPECT_FALSE(store);
    return store ? Error{} : store.error();
  }
  std::unique_ptr<TemporaryDirectory> directory_;
  std::string path_;
};

TEST_F(SqliteStoreTest, a_file_that_is_no_database_is_corrupt) {
  ASSERT_TRUE(replace_file(path_, std::string(8192, 'x')));
  const Error error = open_error();
  EXPECT_EQ(error.code, Errc::corrupt);
  EXPECT_NE(error.message.find(path_), std::string::npos) << error.message;
}

TEST_F(SqliteStoreTest, a_damaged_page_is_corrupt) {
  fill(100);
  damage(3 * 4096, std::string(4096, '\x5a'));
  const Error error = open_error();
  EXPECT_EQ(error.code, Errc::corrupt);
  EXPECT_NE(error.message.find(path_), std::string::npos) << error.message;
}

TEST_F(SqliteStoreTest, a_truncated_file_is_corrupt) {
  fill(100);
  ASSERT_EQ(::truncate(path_.c_str(), 3 * 4096), 0);
  EXPECT_EQ(open_error().code, Errc::corrupt);
}

TEST_F(SqliteStoreTest, a_newer_format_is_refused_and_left_alone) {
  {
    auto store = SqliteStore::open(path_);
    ASSERT_TRUE(store);
    store->reset();
    auto database = Database::open(path_);
    ASSERT_TRUE(database && database->execute("PRAGMA user_version = 9"));
  }
  const Error error = open_error();
  EXPECT_EQ(error.code, Errc::unsupported);
  EXPECT_NE(error.message.find("format 9"), std::string::npos) << error.message;
}

TEST_F(SqliteStoreTest, belongs_to_one_process_and_to_its_user_alone) {
  auto store = SqliteStore::open(path_);
  ASSERT_TRUE(store);
  EXPECT_EQ(open_error().code, Errc::unavailable);
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST_F(SqliteStoreTest, a_folder_that_is_missing_is_named) {
  path_ = directory_->path() + "/absent/state.db";
  const Error error = open_error();
  EXPECT_EQ(error.code, Errc::not_found);
  EXPECT_NE(error.message.find("absent/state.db"), std::string::npos);
}

// A full disk in the middle of a commit: refused, nothing of it is there, the store goes on.
TEST_F(SqliteStoreTest, a_full_disk_undoes_the_whole_commit) {
  auto opened = SqliteStore::open(path_);
  ASSERT_TRUE(opened);
  Store& store = **opened;
  const Write small[] = {{"small", "1", {}}};
  ASSERT_TRUE(store.commit(small));
  const FileSizeLimit limit(256 * 1024);
  const Write writes[] = {{"small", "2", {}}, {"big", std::string(1u << 20, 'b'), {}}};
  ASSERT_FALSE(store.commit(writes));
  EXPECT_EQ(store.get("small")->value, "1");
  EXPECT_EQ(store.get("big").error().code, Errc::not_found);
  EXPECT_TRUE(store.commit(small));
}

}  // namespace
}  // namespace vireo
