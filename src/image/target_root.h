// SPDX-License-Identifier: Apache-2.0
// The directory a layer is unpacked into. Turns the names of archive entries into places inside it
// and makes entries there. Links that the layer itself brought (bin -> usr/bin) are followed as a
// root file system would follow them; a name or a link that climbs out is Errc::denied.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

// Where an entry goes. `parent` belongs to the TargetRoot and is valid until the next place().
struct Place {
  int parent = -1;
  std::string name;  // empty: the root itself
  std::string path;  // canonical, relative to the root
};

// The parts of an entry's name without empty ones and "."; "..", absolute names, names that are too
// long or contain a zero byte are refused.
Result<std::vector<std::string>> entry_parts(std::string_view name, size_t longest);

// For one thread.
class TargetRoot {
 public:
  // `directory` stays the caller's. Nobody else may change what is below it meanwhile.
  TargetRoot(int directory, size_t longest_path) : root_(directory), longest_(longest_path) {}

  // Missing parents are made (mode 0755, root's).
  Result<Place> place(std::string_view entry);
  // Makes room for something that is no directory; a directory that is not empty is refused.
  Result<void> clear(const Place& place);
  int root() const { return root_; }

 private:
  Result<std::vector<std::string>> resolve(std::vector<std::string> parts);
  Result<void> step(std::vector<std::string>& done, std::vector<std::string>& todo,
                    unsigned& links);

  int root_;
  size_t longest_;
  std::string cached_name_;
  std::string cached_path_;
  Fd cached_;
  bool stale_ = false;  // something was removed: links may lead elsewhere now
};

}  // namespace vireo
