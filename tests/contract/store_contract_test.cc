// SPDX-License-Identifier: Apache-2.0
#include "contract/store_contract.h"

#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace vireo {
namespace {

StoreKind memory() {
  return {"memory", [](const std::string&) -> Result<std::unique_ptr<Store>> {
            return std::unique_ptr<Store>(std::make_unique<MemoryStore>());
          }};
}

StoreKind sqlite() {
  return {"sqlite", [](const std::string& folder) -> Result<std::unique_ptr<Store>> {
            return std::unique_ptr<Store>(TRY(SqliteStore::open(folder + "/state.db")));
          }};
}

std::string name_of(const ::testing::TestParamInfo<StoreKind>& kind) { return kind.param.name; }

INSTANTIATE_TEST_SUITE_P(Store, StoreContract, ::testing::Values(memory(), sqlite()), name_of);
INSTANTIATE_TEST_SUITE_P(Store, DurableStoreContract, ::testing::Values(sqlite()), name_of);

}  // namespace
}  // namespace vireo
