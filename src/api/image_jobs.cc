// SPDX-License-Identifier: Apache-2.0
#include "api/image_jobs.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>

namespace vireo {

constexpr size_t kept_operations = 100;

std::string ImageJobs::start(const std::string& verb, Work work) {
  Operation operation;
  operation.id = fmt::format("image-{:06}", next_++);
  operation.verb = verb;
  operation.state = OperationState::processing;
  operation.started = operation.changed = std::chrono::system_clock::now();
  if (operations_.size() == kept_operations) operations_.erase(operations_.begin());
  operations_[operation.id] = operation;
  auto outcome = std::make_shared<Result<std::vector<Image>>>(std::vector<Image>{});
  scheduler_.in_background([outcome, work = std::move(work)] { *outcome = work(); },
                           [this, outcome, id = operation.id] { finish(id, *outcome); });
  return operation.id;
}

const Operation* ImageJobs::find(const std::string& id) const {
  auto found = operations_.find(id);
  return found == operations_.end() ? nullptr : &found->second;
}

void ImageJobs::finish(const std::string& id, const Result<std::vector<Image>>& outcome) {
  auto found = operations_.find(id);
  if (found == operations_.end()) return;
  Operation& operation = found->second;
  operation.changed = std::chrono::system_clock::now();
  operation.duration = operation.changed - operation.started;
  operation.state = outcome ? OperationState::completed : OperationState::failed;
  if (!outcome) operation.error = outcome.error();
  if (outcome)
    for (const Image& image : *outcome)
      operation.steps.push_back({image.digest, image.reference, {}, operation.duration});
  changed_(operation);
}

}  // namespace vireo
