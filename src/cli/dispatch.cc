// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "cli/verbs.h"

namespace vireo {

static constexpr std::array<std::pair<std::string_view, Verb>, 24> verbs{
    {{"plan", plan_verb},
     {"run", run_verb},
     {"ps", ps_verb},
     {"inspect", inspect_verb},
     {"logs", logs_verb},
     {"console", console_verb},
     {"events", events_verb},
     {"exec", exec_verb},
     {"stop", change_verb},
     {"start", change_verb},
     {"restart", change_verb},
     {"pause", change_verb},
     {"resume", change_verb},
     {"rm", rm_verb},
     {"wait", wait_verb},
     {"host", host_verb},
     {"schema", schema_verb},
     {"version", version_verb},
     {"completion", completion_verb},
     {"image build", image_build_verb},
     {"image import", image_import_verb},
     {"image ls", image_list_verb},
     {"image inspect", image_inspect_verb},
     {"image rm", image_remove_verb}}};

Verb find_verb(const std::string& name) {
  auto found =
      std::find_if(verbs.begin(), verbs.end(), [&](const auto& one) { return one.first == name; });
  return found == verbs.end() ? nullptr : found->second;
}

}  // namespace vireo
