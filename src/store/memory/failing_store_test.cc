// SPDX-License-Identifier: Apache-2.0
#include "store/memory/failing_store.h"

#include <gtest/gtest.h>

#include "store/memory/memory_store.h"

namespace vireo {
namespace {

const Error full{Errc::exhausted, "disk full"};

TEST(FailingStore, fails_the_nth_call_once_and_without_effect) {
  MemoryStore memory;
  FailingStore store(memory);
  store.fail_call(2, full);
  const Write writes[] = {{"a", "1", {}}};
  EXPECT_TRUE(store.list(""));
  EXPECT_EQ(store.commit(writes).error().message, "disk full");
  EXPECT_TRUE(store.list("")->empty());
  EXPECT_TRUE(store.commit(writes));
  EXPECT_EQ(store.get("a")->value, "1");
  EXPECT_EQ(store.calls(), 5U);
}

TEST(FailingStore, can_fail_after_the_effect) {
  MemoryStore memory;
  FailingStore store(memory);
  store.fail_call(1, full, FailingStore::Moment::after);
  EXPECT_FALSE(store.allocate("uid", "web", 10));
  EXPECT_EQ(*store.allocate("uid", "nat", 10), 1U);
  store.fail_call(1, full);
  EXPECT_FALSE(store.release("uid", "web"));
  EXPECT_EQ(*store.allocate("uid", "new", 10), 2U);
}

}  // namespace
}  // namespace vireo
