// SPDX-License-Identifier: Apache-2.0
// What every store must do. A new one is added to the instantiations in store_contract_test.cc.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "host/files.h"
#include "store/store.h"

namespace vireo {

struct StoreKind {
  std::string name;
  // `folder` is empty at first; a durable store opened again there has what it had.
  std::function<Result<std::unique_ptr<Store>>(const std::string& folder)> open;
};

class StoreContract : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override;
  void open();
  std::string keys(std::string_view prefix);  // "a,b,c"
  Result<Revision> put(const Key& key, const std::string& value);

  std::unique_ptr<TemporaryDirectory> folder_;
  std::unique_ptr<Store> store_;
};

class DurableStoreContract : public StoreContract {};

}  // namespace vireo
