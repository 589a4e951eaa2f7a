// SPDX-License-Identifier: Apache-2.0
// Where a driver's instances write: a file for each of its entries at the keeper, and one for each
// function, in which the last of its generations that ended leaves its output. Threads may share
// it.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/instance.h"

namespace vireo {

class OutputFiles {
 public:
  explicit OutputFiles(std::string directory) : directory_(std::move(directory)) {}  // "": none
  Result<void> make_directory() const;

  std::string of(const std::string& entry) const;  // "": none are kept
  // As OutputAccess::log_paths(); entry "": the instance is gone.
  std::vector<std::string> paths(const InstanceId& id, const std::string& entry) const;

  // The entry has ended, and all that it wrote is in its file.
  void keep(const std::string& entry, const InstanceId& id) const;
  void forget(const InstanceId& id) const;  // of all generations
  // Removes those of entries that begin with `prefix` and are not among `alive`.
  void sweep(std::string_view prefix, const std::set<std::string>& alive) const;

 private:
  std::string kept_of(const InstanceId& id) const;

  std::string directory_;
};

}  // namespace vireo
