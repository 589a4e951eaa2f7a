// SPDX-License-Identifier: Apache-2.0
// The same request for many services, from several connections at once.
#pragma once
#include <functional>
#include <string>

#include "base/result.h"
#include "host/http_client.h"

namespace vireo::bench {

// Asks for each number from `first` to `last`, whatever came of the others; the first error.
// `request` is called by several threads.
using CrowdRequest = std::function<Result<void>(HttpClient& client, unsigned number)>;
Result<void> crowd(const std::string& socket, unsigned first, unsigned last,
                   const CrowdRequest& request);

}  // namespace vireo::bench
