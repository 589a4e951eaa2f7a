// SPDX-License-Identifier: Apache-2.0
// What needs no running service: plan, schema, version.
#include <fmt/format.h>

#include "base/yaml_text.h"
#include "cli/submission.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "model/descriptor.h"

namespace vireo {

static constexpr int exit_wrong_usage = 2, exit_changes = 3;

Result<int> plan_verb(const Arguments& arguments, Daemon& daemon) {
  SubmissionBody submission = TRY(read_submission(arguments.target));
  Json plan = TRY(daemon.call("POST", "/v1/plan", submission.json));
  if (!plan["findings"].items().empty()) {
    if (arguments.output == Output::table) return error_of(plan, 422);
    printed_raw(arguments, plan);
    return 1;
  }
  if (!printed_raw(arguments, plan)) {
    std::string text = plan["text"].text();
    print(text.ends_with("\n") ? text : text + "\n");
  }
  return plan["changes"].items().empty() ? 0 : exit_changes;
}

Result<int> schema_verb(const Arguments& arguments, Daemon&) {
  auto schema = descriptor_schema(arguments.target);
  if (!schema) {
    complain(schema.error().message);
    return exit_wrong_usage;
  }
  if (arguments.output == Output::yaml)
    print(yaml_text(TRY(parse_json(*schema))));
  else
    print(*schema);
  return 0;
}

Result<int> version_verb(const Arguments& arguments, Daemon& daemon) {
  Json version;
  version.set("vireo", VIREO_VERSION);
  auto answer = daemon.get("/v1/version");
  version.set("vireod", answer ? (*answer)["version"] : Json());
  if (printed_raw(arguments, version)) return 0;
  print(fmt::format("vireo   {}\nvireod  {}\n", VIREO_VERSION,
                    answer ? (*answer)["version"].text()
                           : fmt::format("does not answer at {}", daemon.socket())));
  return 0;
}

}  // namespace vireo
