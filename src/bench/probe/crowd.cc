// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/crowd.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace vireo::bench {

// So many that a commit to the disk is shared by some.
constexpr unsigned connections = 8;

Result<void> crowd(const std::string& socket, unsigned first, unsigned last,
                   const CrowdRequest& request) {
  std::atomic<unsigned> next{first};
  std::mutex mutex;
  std::optional<Error> failure;
  auto work = [&] {
    HttpClient client(socket);
    for (unsigned number = next++; number <= last; number = next++) {
      Result<void> done = request(client, number);
      if (done) continue;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::move(done).error();
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < connections; i++) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (failure) return *std::move(failure);
  return {};
}

}  // namespace vireo::bench
