// SPDX-License-Identifier: Apache-2.0
#include "model/operation.h"

#include "base/result.h"

namespace vireo {

std::string to_string(OperationState state) {
  switch (state) {
    case OperationState::starting:
      return "STARTING";
    case OperationState::processing:
      return "PROCESSING";
    case OperationState::completed:
      return "COMPLETED";
    case OperationState::failed_temp:
      return "FAILED_TEMP";
    case OperationState::failed:
      return "FAILED";
    case OperationState::rolling_back:
      return "ROLLING_BACK";
    case OperationState::rolled_back:
      return "ROLLED_BACK";
  }
  check_failed("an operation state without a name", __FILE__, __LINE__);
}

}  // namespace vireo
