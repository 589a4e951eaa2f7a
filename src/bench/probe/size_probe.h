// SPDX-License-Identifier: Apache-2.0
// Image size (draft, section 4.5): what an image takes unpacked, in MB of a million bytes, as its
// store tells: Vireo's, and Docker's of the same files. Of unikernels the one file that boots.
#pragma once
#include <memory>
#include <string>

#include "bench/probe.h"
#include "bench/probe/docker_daemon.h"

namespace vireo::bench {

struct SizeOptions {
  std::string program;          // vireod
  std::string programs;         // folder with functions/
  std::string foreign_archive;  // root archive of a foreign image; "": none
  std::string foreign_name;     // "iperf"
  std::string work_folder;
};
std::unique_ptr<Probe> make_size_probe(const SizeOptions& options);
// The largest of our functions, and of those that have a TCP of their own.
std::unique_ptr<Probe> make_unikernel_size_probe(const SizeOptions& options);
std::unique_ptr<Probe> make_docker_size_probe(const SizeOptions& options,
                                              std::shared_ptr<DockerDaemon> docker);

}  // namespace vireo::bench
