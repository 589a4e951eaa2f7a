// SPDX-License-Identifier: Apache-2.0
// The life of one virtual machine: what the platform asks, what the guest asks.
#pragma once
#include <csignal>

#include "vmm/guest_memory.h"
#include "vmm/image.h"
#include "vmm/platform_link.h"
#include "vmm/poller.h"
#include "vmm/template.h"
#include "vmm/virtio_net.h"
#include "vmm/virtual_processor.h"
#include "vmm/vmm_protocol.h"

namespace vireo::vmm {

class Vmm {
 public:
  // Makes the machine as far as it depends on no image; ends the process when KVM refuses.
  // `pagemap` is the process's own (rehearsal.h); -1: without it there are no rehearsals.
  void open(int pagemap);
  // Serves until the guest ends. An exit code.
  int run();
  // From a signal handler: the vitals say that it is about to end.
  void drain();

 private:
  int load(const ReceivedMessage& message);
  int boot_image(const LoadRequest& request);
  int copy_template(const LoadRequest& request, int file);
  int restore(const TemplateState& state);
  int save(int file);
  int rehearse(const ReceivedMessage& message);
  void wait_in_rehearsal();
  bool copy_identity(const uint8_t* bytes, uint64_t count);
  bool read_identity(int file);
  void enter(uint32_t port_count);  // the guest finds its identity when it runs the next time
  bool begin(const ReceivedMessage& message);
  int fail(const char* what, const char* why);
  int refuse(const char* file, const char* fault);  // "the image", "is truncated"
  int fail_guest(const GuestExit& exit);
  int fail_port(uint32_t port);
  // Runs the guest until it waits for an identity that is not there, or ends; -1: it waits.
  int run_guest();
  GuestExit run_processor();
  void start_polling();
  bool take_turn();
  bool access(const GuestExit& exit);  // false: the guest has ended, with end_code_
  bool wait(uint32_t microseconds);    // the same
  void sleep(uint32_t microseconds);
  static uint64_t monotonic_ns();
  bool move_packets();
  bool call(uint64_t address);
  int64_t hear(const machine::Call& call);
  int await_begin();
  machine::BootPage& boot() { return memory_.own_as<machine::BootPage>(machine::boot_page); }

  vnf::Vitals& vitals() { return memory_.own_as<vnf::Vitals>(machine::vitals_page); }

  PlatformLink link_;
  VirtualProcessor processor_;
  Poller poller_;  // of a guest whose identity says that it polls
  GuestMemory memory_;
  int pagemap_ = -1;
  unsigned rehearsal_waits_ = 0;  // left until the rehearsal is over; 0: there is none
  int image_file_ = -1;           // kept for the names of its functions
  VirtioNet ports_[vnf::max_ports];
  uint32_t port_count_ = 0;
  int lost_port_ = -1;  // whose tap is gone
  bool begun_ = false, parked_ = false, rehearsed_ = false;
  volatile std::sig_atomic_t vitals_shared_ = 0;
  unsigned busy_waits_ = 0;
  int end_code_ = 0;
};

}  // namespace vireo::vmm
