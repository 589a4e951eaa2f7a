// SPDX-License-Identifier: Apache-2.0
// A descriptor's text: whatever it is, it is a service or has findings, each at a place that can be
// shown; what is valid survives the way into the store and back.
#include "input.h"
#include "model/descriptor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vireo;
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto read_file = [](const std::string& name) -> Result<std::string> {
    if (name.size() % 2 == 0) return std::string("content");
    return Error{Errc::not_found, "no such file"};
  };
  const ParsedDescriptor parsed = parse_descriptor(text, read_file);
  for (const Finding& finding : parsed.findings)
    fuzz::require(!finding_text(finding, "service.yaml", text).empty(), "a finding without a text");
  local_files(text);
  service_name(text);
  if (!parsed.findings.empty()) return 0;
  const std::string json = to_json(parsed.service);
  const Result<ServiceSpec> again = service_from_json(json);
  fuzz::require(again.has_value() && to_json(*again) == json, "a service is not what was stored");
  return 0;
}
