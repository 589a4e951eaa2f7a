// SPDX-License-Identifier: Apache-2.0
#include "contract/store_contract.h"

#include <signal.h>
#include <sys/wait.h>

#include <set>
#include <thread>

#include "base/text.h"

namespace vireo {

void StoreContract::SetUp() {
  auto made = TemporaryDirectory::make("store");
  ASSERT_TRUE(made);
  folder_ = std::make_unique<TemporaryDirectory>(std::move(*made));
  open();
}

void StoreContract::open() {
  auto opened = GetParam().open(folder_->path());
  ASSERT_TRUE(opened) << opened.error().message;
  store_ = std::move(*opened);
}

std::string StoreContract::keys(std::string_view prefix) {
  auto records = store_->list(prefix);
  EXPECT_TRUE(records);
  std::string joined;
  if (!records) return joined;
  for (const Record& record : *records) joined += (joined.empty() ? "" : ",") + record.key;
  return joined;
}

Result<Revision> StoreContract::put(const Key& key, const std::string& value) {
  const Write write[] = {{key, value, {}}};
  return store_->commit(write);
}

TEST_P(StoreContract, gives_back_what_was_written) {
  const std::string value("{\"text\": \"\xc3\xa4 \0 '\"}", 17);
  const Revision revision = *put("service/local/default/web", value);
  auto record = store_->get("service/local/default/web");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->key, "service/local/default/web");
  EXPECT_EQ(record->value, value);
  EXPECT_EQ(record->revision, revision);
  EXPECT_EQ(store_->get("service/local/default/we").error().code, Errc::not_found);
}

TEST_P(StoreContract, revisions_grow_by_one_and_belong_to_the_commit) {
  const Write both[] = {{"a", "1", {}}, {"b", "1", {}}};
  const Revision first = *store_->commit(both);
  EXPECT_EQ(*put("b", "2"), first + 1);
  EXPECT_EQ(store_->get("a")->revision, first);
  EXPECT_EQ(store_->get("b")->revision, first + 1);
}

TEST_P(StoreContract, a_commit_is_all_or_nothing) {
  ASSERT_TRUE(put("a", "old"));
  const Write writes[] = {{"a", "new", {}}, {"b", "new", {}}, {"c", "new", Revision{77}}};
  EXPECT_EQ(store_->commit(writes).error().code, Errc::conflict);
  EXPECT_EQ(store_->get("a")->value, "old");
  EXPECT_EQ(keys(""), "a");
}

TEST_P(StoreContract, a_write_says_which_revision_it_is_based_on) {
  const Write fresh[] = {{"a", "1", Revision{0}}};
  const Revision first = *store_->commit(fresh);
  EXPECT_EQ(store_->commit(fresh).error().code, Errc::conflict) << "it exists by now";
  const Write next[] = {{"a", "2", first}};
  EXPECT_TRUE(store_->commit(next));
  EXPECT_EQ(store_->commit(next).error().code, Errc::conflict) << "another change came first";
  const Write erase[] = {{"a", {}, first}};
  EXPECT_EQ(store_->commit(erase).error().code, Errc::conflict);
  EXPECT_EQ(store_->get("a")->value, "2");
}

TEST_P(StoreContract, erases) {
  ASSERT_TRUE(put("a", "1"));
  const Write erase[] = {{"a", {}, {}}, {"absent", {}, {}}};
  EXPECT_TRUE(store_->commit(erase));
  EXPECT_EQ(store_->get("a").error().code, Errc::not_found);
  const Write again[] = {{"a", "2", Revision{0}}};
  EXPECT_TRUE(store_->commit(again)) << "an erased key does not exist";
}

TEST_P(StoreContract, the_last_write_of_a_key_in_a_commit_counts) {
  const Write writes[] = {{"a", "1", Revision{0}}, {"a", "2", {}}, {"b", "1", {}}, {"b", {}, {}}};
  ASSERT_TRUE(store_->commit(writes));
  EXPECT_EQ(store_->get("a")->value, "2");
  EXPECT_EQ(keys(""), "a");
}

TEST_P(StoreContract, lists_a_prefix_in_the_order_of_bytes) {
  for (const char* key : {"b", "a/2", "a/10", "a/\xff", "a/\xff\xff", "a", "A", "ab"}) {
    ASSERT_TRUE(put(key, "1"));
  }
  EXPECT_EQ(keys("a/"), "a/10,a/2,a/\xff,a/\xff\xff");
  EXPECT_EQ(keys("a/\xff"), "a/\xff,a/\xff\xff");
  EXPECT_EQ(keys(""), "A,a,a/10,a/2,a/\xff,a/\xff\xff,ab,b");
  EXPECT_EQ(keys("c"), "");
}

TEST_P(StoreContract, a_prefix_has_no_special_characters) {
  for (const char* key : {"a%b", "a_b", "axb", "a*b", "a?b"}) ASSERT_TRUE(put(key, "1"));
  EXPECT_EQ(keys("a%"), "a%b");
  EXPECT_EQ(keys("a_"), "a_b");
  EXPECT_EQ(keys("a*"), "a*b");
}

TEST_P(StoreContract, allocates_the_lowest_free_number) {
  EXPECT_EQ(*store_->allocate("uid", "a", 3), 0U);
  EXPECT_EQ(*store_->allocate("uid", "b", 3), 1U);
  EXPECT_EQ(*store_->allocate("uid", "c", 3), 2U);
  EXPECT_EQ(*store_->allocate("uid", "b", 3), 1U) << "the same owner, the same number";
  EXPECT_EQ(store_->allocate("uid", "d", 3).error().code, Errc::exhausted);
  EXPECT_EQ(*store_->allocate("mac", "d", 3), 0U) << "ranges are apart";
  ASSERT_TRUE(store_->release("uid", "c"));
  ASSERT_TRUE(store_->release("uid", "a"));
  EXPECT_EQ(*store_->allocate("uid", "d", 3), 0U);
  EXPECT_EQ(*store_->allocate("uid", "e", 3), 2U);
  EXPECT_EQ(*store_->allocate("uid", "f", 4), 3U);
  EXPECT_TRUE(store_->release("uid", "unknown"));
  EXPECT_TRUE(store_->release("unknown", "a"));
  EXPECT_EQ(store_->allocate("none", "a", 0).error().code, Errc::exhausted);
}

TEST_P(StoreContract, serves_several_threads) {
  std::vector<std::thread> threads;
  std::vector<std::set<uint64_t>> got(4);
  for (size_t t = 0; t < got.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string name = std::to_string(t) + "/" + std::to_string(i);
        EXPECT_TRUE(put(name, "1"));
        got[t].insert(*store_->allocate("uid", name, 1000));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<uint64_t> all;
  for (auto& some : got) all.merge(some);
  EXPECT_EQ(all.size(), 40U);
  EXPECT_EQ(store_->list("")->size(), 40U);
  EXPECT_EQ(*put("last", "1"), 41U) << "one revision for each commit";
}

TEST_P(DurableStoreContract, keeps_all_when_opened_again) {
  ASSERT_TRUE(put("a", "1"));
  const Revision revision = *put("b", "2");
  ASSERT_TRUE(store_->allocate("uid", "first", 10));
  ASSERT_TRUE(store_->allocate("uid", "second", 10));
  ASSERT_TRUE(store_->release("uid", "first"));
  store_.reset();
  open();
  EXPECT_EQ(keys(""), "a,b");
  EXPECT_EQ(store_->get("b")->revision, revision);
  EXPECT_EQ(*put("c", "3"), revision + 1);
  EXPECT_EQ(*store_->allocate("uid", "second", 10), 1U);
  EXPECT_EQ(*store_->allocate("uid", "third", 10), 0U);
}

// Commits pairs until it is killed; writes a byte after each acknowledged one.
[[noreturn]] void commit_for_ever(const StoreKind& kind, const std::string& folder, int report) {
  auto store = kind.open(folder);
  for (int i = 0; store; ++i) {
    const std::string n = std::to_string(i);
    const Write pair[] = {{"left/" + n, n, {}}, {"right/" + n, n, {}}};
    if (!(*store)->commit(pair) || !(*store)->allocate("number", n, 1u << 30)) break;
    if (::write(report, "", 1) != 1) break;
  }
  ::_exit(1);
}

TEST_P(DurableStoreContract, a_kill_loses_no_acknowledged_commit) {
  store_.reset();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Fd from(ends[0]), to(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) commit_for_ever(GetParam(), folder_->path(), to.get());
  to = Fd();
  size_t acknowledged = 0;
  char byte = 0;
  while (acknowledged < 60 && ::read(from.get(), &byte, 1) == 1) ++acknowledged;
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  while (::read(from.get(), &byte, 1) == 1) ++acknowledged;
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "it failed before the kill";

  open();
  EXPECT_GE(acknowledged, 60U);
  const auto left = store_->list("left/");
  ASSERT_TRUE(left);
  EXPECT_GE(left->size(), acknowledged);
  EXPECT_EQ(left->size(), store_->list("right/")->size()) << "each pair whole";
  for (size_t i = 0; i < acknowledged; ++i) {
    EXPECT_EQ(*store_->allocate("number", std::to_string(i), 1u << 30), i);
  }
}

}  // namespace vireo
