// SPDX-License-Identifier: Apache-2.0
// Linux namespaces: entering one for a while, making new network namespaces (namespaces(7)).
#pragma once
#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

// A stay of the calling thread in another network namespace; leaves it in the destructor, on the
// same thread. If the way back fails the process ends: carrying on in the wrong one is a hole.
class NetworkNamespaceScope {
 public:
  static Result<NetworkNamespaceScope> enter(const Fd& network_namespace);
  NetworkNamespaceScope(NetworkNamespaceScope&&) = default;  // only for returning from enter()
  NetworkNamespaceScope& operator=(NetworkNamespaceScope&&) = delete;
  NetworkNamespaceScope(const NetworkNamespaceScope&) = delete;
  NetworkNamespaceScope& operator=(const NetworkNamespaceScope&) = delete;
  ~NetworkNamespaceScope();

 private:
  explicit NetworkNamespaceScope(Fd home) : home_(std::move(home)) {}
  Fd home_;
};

Result<Fd> current_network_namespace();
// An empty namespace, loopback down; it lives as long as a descriptor of it.
Result<Fd> new_network_namespace();
// Runs `action` on a thread of its own inside the namespace and waits for it.
Result<void> in_network_namespace(const Fd& network_namespace,
                                  const std::function<Result<void>()>& action);

// "net", "user", ... of a process.
Result<Fd> namespace_of(int pid, const std::string& kind);

}  // namespace vireo
