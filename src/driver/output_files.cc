// SPDX-License-Identifier: Apache-2.0
#include "driver/output_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "host/files.h"

namespace vireo {

Result<void> OutputFiles::make_directory() const {
  if (directory_.empty()) return {};
  return make_directories(directory_, 0750);
}

std::string OutputFiles::of(const std::string& entry) const {
  if (directory_.empty()) return {};
  return fmt::format("{}/{}.log", directory_, entry);
}

// A spare has no function yet.
std::string OutputFiles::kept_of(const InstanceId& id) const {
  if (directory_.empty() || id.starts_with('~')) return {};
  std::string name = id.substr(0, id.find('@'));
  std::replace(name.begin(), name.end(), '/', '_');
  return fmt::format("{}/{}.last.log", directory_, name);
}

std::vector<std::string> OutputFiles::paths(const InstanceId& id, const std::string& entry) const {
  if (directory_.empty()) return {};
  if (entry.empty()) return {kept_of(id)};
  return {kept_of(id), of(entry) + ".1", of(entry)};
}

void OutputFiles::keep(const std::string& entry, const InstanceId& id) const {
  const std::string written = of(entry), kept = kept_of(id);
  if (written.empty()) return;
  // One that wrote nothing has no file: what was kept is of another generation.
  if (!kept.empty() && ::rename(written.c_str(), kept.c_str()) != 0) ::unlink(kept.c_str());
  for (const std::string& path : {written, written + ".1"}) ::unlink(path.c_str());
}

void OutputFiles::forget(const InstanceId& id) const { ::unlink(kept_of(id).c_str()); }

void OutputFiles::sweep(std::string_view prefix, const std::set<std::string>& alive) const {
  if (directory_.empty()) return;
  for (const std::string& name : list_directory(directory_).value_or({}))
    if (name.starts_with(prefix) && !alive.contains(name.substr(0, name.find('.'))))
      ::unlink(fmt::format("{}/{}", directory_, name).c_str());
}

}  // namespace vireo
