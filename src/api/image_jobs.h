// SPDX-License-Identifier: Apache-2.0
// Long work on images (import, build) with operation records, on background threads.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "api/exchange.h"
#include "base/fd.h"
#include "image/image_store.h"
#include "model/operation.h"

namespace vireo {

// Control thread only; the work itself runs elsewhere and comes back through the scheduler.
class ImageJobs {
 public:
  using Changed = std::function<void(const Operation&)>;
  using Work = std::function<Result<std::vector<Image>>()>;
  ImageJobs(Scheduler& scheduler, Changed changed)
      : scheduler_(scheduler), changed_(std::move(changed)) {}

  // Returns the operation's id at once. Steps of the ended record name the images.
  std::string start(const std::string& verb, Work work);
  const Operation* find(const std::string& id) const;

 private:
  void finish(const std::string& id, const Result<std::vector<Image>>& outcome);

  Scheduler& scheduler_;
  Changed changed_;
  std::map<std::string, Operation> operations_;  // the last 100
  uint64_t next_ = 1;
};

}  // namespace vireo
