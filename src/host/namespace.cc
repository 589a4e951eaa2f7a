// SPDX-License-Identifier: Apache-2.0
#include "host/namespace.h"

#include <fmt/format.h>
#include <sched.h>

#include <thread>

#include "host/files.h"

namespace vireo {

Result<Fd> current_network_namespace() { return open_path("/proc/thread-self/ns/net", O_RDONLY); }

Result<Fd> namespace_of(int pid, const std::string& kind) {
  return open_path(fmt::format("/proc/{}/ns/{}", pid, kind), O_RDONLY);
}

Result<NamespaceScope> NamespaceScope::enter(const Fd& other, NamespaceKind kind) {
  const bool network = kind == NamespaceKind::network;
  const std::string name = network ? "net" : "uts";
  Fd home = TRY(open_path("/proc/thread-self/ns/" + name, O_RDONLY));
  const int type = network ? CLONE_NEWNET : CLONE_NEWUTS;
  if (::setns(other.get(), type) != 0)
    return system_error(fmt::format("cannot enter a {} namespace", name));
  return NamespaceScope(std::move(home), type);
}

NamespaceScope::~NamespaceScope() {
  if (home_) CHECK(::setns(home_.get(), type_) == 0);
}

Result<Fd> new_network_namespace() {
  Result<Fd> made = Error{Errc::internal, "not run"};
  // A thread that ends afterwards, so that no caller has to find its way back.
  std::thread([&] {
    made = ::unshare(CLONE_NEWNET) == 0
               ? current_network_namespace()
               : Result<Fd>(system_error("cannot make a network namespace"));
  }).join();
  return made;
}

Result<void> in_network_namespace(const Fd& network_namespace,
                                  const std::function<Result<void>()>& action) {
  Result<void> outcome;
  std::thread([&] {
    outcome = ::setns(network_namespace.get(), CLONE_NEWNET) == 0
                  ? action()
                  : Result<void>(system_error("cannot enter a network namespace"));
  }).join();
  return outcome;
}

}  // namespace vireo
