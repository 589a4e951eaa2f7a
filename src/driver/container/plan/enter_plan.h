// SPDX-License-Identifier: Apache-2.0
// What the driver tells vireo-enter, the parked process: one flat, precomputed plan in a memory
// file that is sealed before it is sent. No library; every offset counts from the plan's start, and
// a text is a zero-terminated string at an offset.
//
// The control socket (SOCK_SEQPACKET) is descriptor 3 of the program:
//   enter -> driver  EnterReport{step unshared}                 map my ids
//   driver -> enter  EnterOrder::mapped + /dev, detached, and a filter of system calls
//   enter -> driver  EnterReport{step parked} + a directory     the shell is ready; files go there
//   driver -> enter  EnterOrder::start + plan, root, fds ...    run this
//   enter -> driver  nothing and the end of the socket: the entry point was executed
//                    EnterReport{step, error_number}: it was not
// `vireo-enter exec` skips to `start`, whose second and third descriptor are then the instance's
// pidfd and the filter; with a terminal it answers EnterReport{step terminal} with the controlling
// end before it executes.
#pragma once
#include <stdint.h>

namespace vireo {

inline constexpr int enter_control_fd = 3;
inline constexpr uint32_t enter_magic = 0x65727576;  // "vure"
inline constexpr uint32_t enter_most_fds = 64;

enum class EnterOrder : uint32_t { mapped = 1, start = 2 };

enum class EnterStep : uint32_t {
  unshared = 1,
  parked,
  terminal,  // reports of success; what follows failed
  order,
  namespaces,
  identity,
  mounts,
  root,
  device_files,
  process_files,
  system_files,
  host_name,
  file,
  writable_path,
  working_directory,
  limits,
  groups,
  capabilities,
  no_new_privileges,
  seccomp,
  descriptors,
  join,
  execute,
};

struct EnterReport {
  EnterStep step;
  int32_t error_number;
  uint32_t index;  // of the file or path that failed
};

struct EnterSpan {
  uint32_t offset, count;
};

struct EnterFile {
  uint32_t path, content, bytes, mode;  // offsets; `bytes` of content
};

struct EnterLimit {
  uint32_t resource, reserved;
  uint64_t soft, hard;
};

// What the memory file of a filter begins with; sock_filter instructions follow.
struct EnterFilter {
  uint64_t key;        // seccomp_filter.h
  uint64_t grantable;  // capabilities that a plan may keep, a bit for each
};

struct EnterPlan {
  uint32_t magic, bytes;
  uint32_t uid, gid;
  uint64_t capabilities;  // kept ones, a bit for each
  uint32_t host_name;     // text
  uint32_t directory;     // text: the working directory
  EnterSpan programs;     // uint32_t texts: tried in order until one can be executed
  EnterSpan arguments;    // uint32_t texts
  EnterSpan environment;  // uint32_t texts
  EnterSpan groups;       // uint32_t
  EnterSpan files;        // EnterFile
  EnterSpan writable;     // uint32_t texts: paths that get a tmpfs
  EnterSpan limits;       // EnterLimit
  uint32_t first_fd;      // the first passed descriptor's number in the program
  uint32_t terminal;      // exec: 1 opens a terminal of the instance
  uint32_t rows, columns;
};

}  // namespace vireo
