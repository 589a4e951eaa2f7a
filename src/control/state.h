// SPDX-License-Identifier: Apache-2.0
// The parts of Control, in the order in which they end (last first).
#pragma once
#include "control/commit_queue.h"
#include "control/control.h"
#include "control/journal.h"
#include "control/plan/changes.h"
#include "control/plan/host_check.h"
#include "control/pool/pool.h"
#include "control/reconcile/reconciler.h"
#include "control/watch.h"

namespace vireo {

struct Control::State {
  State(Parts given, ControlOptions wanted);

  std::map<std::string, ResolvedImage> resolve(const ServiceSpec& spec,
                                               const std::map<std::string, std::string>& pinned);
  PlanResult plan(const ServiceSpec& spec, const std::map<std::string, ResolvedImage>& images,
                  const Allocation& allocation);
  Applied applied(const std::string& service) const;
  HostView host_view(const Desired& desired) const;
  Result<ServiceEntry*> find(const std::string& service);
  FunctionStatus status(const ServiceEntry& service, const FunctionEntry& function) const;
  ServiceStatus status(const ServiceEntry& service) const;
  std::vector<Pool::Stock> stocks() const;
  void expect_running();
  bool uses_image(const std::string& digest) const;
  void rest();
  bool rest_owed = false;  // put off: at the reconciler's quiet_until()

  Parts parts;
  ControlOptions options;
  std::vector<TechnologyOffer> technologies;
  CommitQueue commits;
  Journal journal;
  Reconciler reconciler;
  std::unique_ptr<Pool> pool;
  Watcher watcher;
};

}  // namespace vireo
