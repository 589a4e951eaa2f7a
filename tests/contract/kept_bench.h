// SPDX-License-Identifier: Apache-2.0
// What the benches of drivers with a keeper share: directories of their own, the census, the end.
#pragma once
#include <string>

#include "contract/driver_contract.h"
#include "driver/number_source.h"
#include "host/files.h"

namespace vireo {

class KeptBench : public DriverBench {
 public:
  std::vector<std::string> census() override;
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string cgroup_name() const { return cgroup_name_; }
  int keeper_pid();

 protected:
  explicit KeptBench(TemporaryDirectory directory);
  // After the driver object is gone: nothing of the bench stays.
  void end_keeper();
  LocalNumbers ids_;

 private:
  TemporaryDirectory directory_;
  std::string cgroup_name_;
};

}  // namespace vireo
