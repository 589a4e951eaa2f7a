// SPDX-License-Identifier: Apache-2.0
#include "control/end_text.h"

#include <cstring>

namespace vireo {

// The page is written by code that may be hostile.
std::optional<std::string> reported_failure(const vnf::Vitals& vitals) {
  if (vitals.magic != vnf::vitals_magic ||
      vitals.state != static_cast<uint32_t>(vnf::FunctionState::failed))
    return {};
  std::string text(vitals.reason, strnlen(vitals.reason, sizeof vitals.reason));
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text;
}

std::string end_text(const ExitReason& exit, const InstanceId& id, Driver& driver,
                     InstanceProbe& probe) {
  std::string text = to_string(exit);
  FunctionAccess* access = driver.functions();
  if (exit.kind != ExitKind::code || exit.value == 0 || access == nullptr) return text;
  const Result<Fd> page = access->vitals(id);
  if (!page) return text;  // none of ours: it has told its log
  const Result<vnf::Vitals> vitals = probe.read_vitals(*page);
  if (!vitals) return text;
  const std::optional<std::string> failure = reported_failure(*vitals);
  return failure && !failure->empty() ? text + ": " + *failure : text;
}

}  // namespace vireo
