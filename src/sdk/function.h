// SPDX-License-Identifier: Apache-2.0
// All that a network function of your own includes: `#include <vireo/function.h>`. One file with a
// class as vnf/function.h describes it, and `VIREO_FUNCTION(TheClass);` at its end, is built into
// an image for every technology by `vireo image build --function FILE.cc`.
//
// What is here stays as it is within one version of the ABI (vnf_abi_version).
#pragma once
#include "vnf/checksum.h"    // checksums, partial ones too
#include "vnf/flow_table.h"  // a hash table without allocation
#include "vnf/function.h"    // what a function is
#include "vnf/parse.h"       // where the headers of a frame are
#include "vnf/refusal.h"     // ICMP errors, resets, echo replies
#include "vnf/resolution.h"  // answers to ARP and neighbour discovery
#include "vnf/text.h"        // a line for the log

#define VIREO_FUNCTION(Class)                                          \
  static_assert(Class::table.ports == vireo::vnf::Ports::packet,       \
                "a function of your own has ports of style `packet`"); \
  using VireoFunction = Class

#ifndef VIREO_DESCRIBE
// A function runs as a unikernel, too: there is no kernel below it that could be asked.
#define VIREO_FORBIDDEN(name, why) \
  extern "C" void* name(...)       \
      __attribute__((error("a network function cannot call " #name ": " why)))
#define VIREO_NO_MEMORY "memory is asked for once, by context.memory(bytes) in configure()"
#define VIREO_NO_KERNEL "there is no kernel below it; packets come and go by process()"
#define VIREO_NO_FILES \
  "there are no files; settings come as Config, log lines go by context.log(line)"
#define VIREO_NO_CLOCK "the time comes with each batch (now_ns) and with tick()"
VIREO_FORBIDDEN(malloc, VIREO_NO_MEMORY);
VIREO_FORBIDDEN(calloc, VIREO_NO_MEMORY);
VIREO_FORBIDDEN(realloc, VIREO_NO_MEMORY);
VIREO_FORBIDDEN(free, VIREO_NO_MEMORY);
VIREO_FORBIDDEN(mmap, VIREO_NO_MEMORY);
VIREO_FORBIDDEN(socket, VIREO_NO_KERNEL);
VIREO_FORBIDDEN(send, VIREO_NO_KERNEL);
VIREO_FORBIDDEN(recv, VIREO_NO_KERNEL);
VIREO_FORBIDDEN(ioctl, VIREO_NO_KERNEL);
VIREO_FORBIDDEN(syscall, VIREO_NO_KERNEL);
VIREO_FORBIDDEN(fork, VIREO_NO_KERNEL);
VIREO_FORBIDDEN(pthread_create, VIREO_NO_KERNEL);
VIREO_FORBIDDEN(open, VIREO_NO_FILES);
VIREO_FORBIDDEN(read, VIREO_NO_FILES);
VIREO_FORBIDDEN(write, VIREO_NO_FILES);
VIREO_FORBIDDEN(fopen, VIREO_NO_FILES);
VIREO_FORBIDDEN(printf, VIREO_NO_FILES);
VIREO_FORBIDDEN(puts, VIREO_NO_FILES);
VIREO_FORBIDDEN(getenv, VIREO_NO_FILES);
VIREO_FORBIDDEN(time, VIREO_NO_CLOCK);
VIREO_FORBIDDEN(clock_gettime, VIREO_NO_CLOCK);
VIREO_FORBIDDEN(gettimeofday, VIREO_NO_CLOCK);
VIREO_FORBIDDEN(usleep, VIREO_NO_CLOCK);
VIREO_FORBIDDEN(sleep, VIREO_NO_CLOCK);
VIREO_FORBIDDEN(rand, "random bytes come with the identity (seed)");
VIREO_FORBIDDEN(exit, "what cannot work is said by context.fail(reason) in configure()");
VIREO_FORBIDDEN(abort, "what cannot work is said by context.fail(reason) in configure()");
#endif
