// SPDX-License-Identifier: Apache-2.0
// A descriptor and the local files that it names, read with the user's rights, as a request body.
#pragma once
#include <string>

#include "base/result.h"

namespace vireo {

struct SubmissionBody {
  std::string service;  // "" when the text does not say; the daemon then tells what is wrong
  std::string json;
};

// Local files that cannot be read are left out: the daemon points at their place in the text.
Result<SubmissionBody> read_submission(const std::string& file);

}  // namespace vireo
