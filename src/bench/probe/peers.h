// SPDX-License-Identifier: Apache-2.0
// Real peers, started by the bench in its own namespaces: the same program in the same root file
// system, under Debian's runc on a ready network namespace, and under Debian's dockerd; and the
// image of a function of ours under Debian's QEMU on a ready tap, emulated.
#pragma once
#include <memory>
#include <string>

#include "bench/probe.h"

namespace vireo::bench {

class DockerDaemon;

struct PeerOptions {
  std::string programs;      // folder with dockerd, containerd, runc (tools/fetch-peers); "": PATH
  std::string dockerd;       // replaces the program, "" for the folder's
  std::string root_archive;  // tar of the root file system with /listener
  std::string root_folder;   // the same, unpacked
  std::string functions;     // folder with responder.elf
  std::string work_folder;   // for state, on a real file system
};

// Metrics `instantiation` and `function_ready` as in start_probe.h; the clock starts when runc is
// executed, or at the first byte of Docker's create request, or when QEMU is.
std::unique_ptr<Probe> make_runc_start_probe(const PeerOptions& options);
std::unique_ptr<Probe> make_qemu_start_probe(const PeerOptions& options);
std::unique_ptr<Probe> make_docker_start_probe(std::shared_ptr<DockerDaemon> docker,
                                               const std::string& archive);

}  // namespace vireo::bench
