// SPDX-License-Identifier: Apache-2.0
// The model's values as the JSON of docs/api.md. Pure.
#pragma once
#include "base/json.h"
#include "control/control.h"
#include "host/profile.h"
#include "image/image_store.h"

namespace vireo {

Json to_json(const Operation& operation);
Json to_json(const Plan& plan, const Submission& submission);
Json to_json(const ServiceStatus& service);
Json to_json(const FunctionStatus& function, WallTime now);
Json to_json(const Event& event);
Json to_json(const Image& image);
Json summary_of(const ServiceStatus& service);
// A finding with its ready-made text.
Json to_json(const Finding& finding, const Submission& submission);

Result<Submission> submission_from_json(std::string_view body);

}  // namespace vireo
