// SPDX-License-Identifier: Apache-2.0
// From a submission's text to a plan: parses, looks images up, asks what the host can run.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "control/control.h"
#include "control/plan/planner.h"
#include "control/rows.h"

namespace vireo {

class Planning {
 public:
  Planning(Control::Parts& parts, const ControlOptions& options);

  ParsedDescriptor parse(const Submission& submission) const;
  // References as they are now in the store: what a new `run` pins.
  std::map<std::string, std::string> pin_images(const ServiceSpec& spec);
  // Plans a row with the images that it pins.
  PlanResult plan(const ServiceRow& row, const Allocation& allocation);
  const std::vector<TechnologyOffer>& offers() const { return offers_; }

 private:
  ResolvedImage resolve(const std::string& reference);

  Control::Parts& parts_;
  const ControlOptions& options_;
  std::vector<TechnologyOffer> offers_;
};

}  // namespace vireo
