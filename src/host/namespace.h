// SPDX-License-Identifier: Apache-2.0
// Linux namespaces: entering one for a while, making new network namespaces (namespaces(7)).
#pragma once
#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

enum class NamespaceKind { network, uts };

// A stay of the calling thread in another namespace; leaves it in the destructor, on the
// same thread. If the way back fails the process ends: carrying on in the wrong one is a hole.
class NamespaceScope {
 public:
  static Result<NamespaceScope> enter(const Fd& other, NamespaceKind kind = NamespaceKind::network);
  NamespaceScope(NamespaceScope&&) = default;  // only for returning from enter()
  NamespaceScope& operator=(NamespaceScope&&) = delete;
  NamespaceScope(const NamespaceScope&) = delete;
  NamespaceScope& operator=(const NamespaceScope&) = delete;
  ~NamespaceScope();

 private:
  explicit NamespaceScope(Fd home, int type) : home_(std::move(home)), type_(type) {}
  Fd home_;
  int type_;  // CLONE_NEWNET, ...
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
