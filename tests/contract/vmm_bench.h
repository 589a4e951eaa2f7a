// SPDX-License-Identifier: Apache-2.0
// A driver of virtual machines with a keeper of its own, and an image for each thing to do.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "contract/kept_bench.h"
#include "driver/vmm/vmm_driver.h"

namespace vireo {

class VmmBench final : public KeptBench {
 public:
  // nullptr: `skip` says why.
  static std::unique_ptr<VmmBench> make(std::string& skip,
                                        StartTier quickest = StartTier::rehearsed);
  void let_poll() { polls_ = true; }  // every instance, for as long as it does something
  ~VmmBench() override;

  Driver& driver() override { return *driver_; }
  std::string technology() override { return "unikernel.vireo.kvm"; }
  bool can_be_stubborn() override { return false; }  // the VMM is asked, not the guest
  void reopen() override;
  InstanceSpec spec(const InstanceId& id, std::vector<std::string> words) override;
  InstanceSpec broken(const InstanceId& id) override;
  InstanceSpec spec_of(const InstanceId& id, const std::string& image, const std::string& elf);
  VmmDriver& vmm() { return *driver_; }

 private:
  using KeptBench::KeptBench;
  std::string open();

  StartTier quickest_ = StartTier::rehearsed;
  bool polls_ = false;
  std::unique_ptr<VmmDriver> driver_;
};

}  // namespace vireo
