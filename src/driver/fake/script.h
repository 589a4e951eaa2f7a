// SPDX-License-Identifier: Apache-2.0
// The words by which a command scripts a fake instance (fake_driver.h).
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "model/instance.h"

namespace vireo {

struct FakeScript {
  std::chrono::milliseconds slow{0};
  bool fail = false, stubborn = false, silent = false, busy = false;
  std::optional<ExitReason> end;
  std::chrono::milliseconds after{0};
};
FakeScript read_script(const std::vector<std::string>& arguments);

}  // namespace vireo
