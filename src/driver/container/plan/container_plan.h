// SPDX-License-Identifier: Apache-2.0
// What is decided before anything is done: pure functions from a specification to the plan that
// vireo-enter carries out.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "driver/container/plan/enter_plan.h"
#include "model/instance.h"

namespace vireo {

inline constexpr uint64_t default_pids = 1024;

struct EnterRequest {
  ProcessSpec process;
  std::string host_name;
  std::vector<FileContent> files;
  std::vector<std::string> writable_paths;
  uint64_t capabilities = 0;
  std::vector<EnterLimit> limits;
  uint32_t first_fd = 3;
  bool terminal = false;
  unsigned rows = 24, columns = 80;
};

// The flat form (enter_plan.h). Errc::invalid for an empty command or a text with a zero byte.
Result<std::string> encode_enter_plan(const EnterRequest& request);

// What exec takes over from a plan: user, groups, rights, environment, directory. Not the
// command, files and limits. Errc::corrupt.
Result<EnterRequest> decode_enter_plan(const std::string& bytes);

// Under which name `path` lies in the directory of an instance's files. Errc::not_found.
Result<std::string> name_of_file(const std::string& plan, const std::string& path);

// The paths to try for the program: itself when it has a slash, else one for each entry of PATH.
std::vector<std::string> program_paths(const ProcessSpec& process);

// Bits of "CAP_NET_RAW", ... Those that reach beyond an instance's namespaces, or would let it undo
// read-only mounts, are refused: Errc::denied.
Result<uint64_t> capability_bits(const std::vector<std::string>& names);
uint64_t grantable_capabilities();  // all that are not refused

// "cannot run `/bin/nope`: No such file or directory"
Error enter_error(const EnterReport& report, const EnterRequest& request);

// Directories and files that the root must have so that mounts can be put over them.
struct RootNeeds {
  std::vector<std::string> directories;  // relative: "proc", "etc"
  std::vector<std::string> files;        // relative: "etc/hosts"
};
Result<RootNeeds> root_needs(const InstanceSpec& spec);
// "/a/./b/" -> "a/b"; absolute paths without ".." only.
Result<std::string> relative_path(const std::string& path);

}  // namespace vireo
