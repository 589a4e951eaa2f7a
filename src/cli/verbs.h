// SPDX-License-Identifier: Apache-2.0
// The verbs: each does what the user asked, prints, and gives the exit code (0 done, 1 failed,
// 3 plan found changes).
#pragma once
#include "cli/arguments.h"
#include "cli/daemon.h"

namespace vireo {

using Verb = Result<int> (*)(const Arguments&, Daemon&);
Verb find_verb(const std::string& name);  // nullptr: not a verb of ours

Result<int> plan_verb(const Arguments& arguments, Daemon& daemon);
Result<int> run_verb(const Arguments& arguments, Daemon& daemon);
Result<int> ps_verb(const Arguments& arguments, Daemon& daemon);
Result<int> inspect_verb(const Arguments& arguments, Daemon& daemon);
Result<int> logs_verb(const Arguments& arguments, Daemon& daemon);
Result<int> console_verb(const Arguments& arguments, Daemon& daemon);
Result<int> events_verb(const Arguments& arguments, Daemon& daemon);
Result<int> exec_verb(const Arguments& arguments, Daemon& daemon);
Result<int> change_verb(const Arguments& arguments,
                        Daemon& daemon);  // stop start restart pause resume
Result<int> rm_verb(const Arguments& arguments, Daemon& daemon);
Result<int> wait_verb(const Arguments& arguments, Daemon& daemon);
Result<int> host_verb(const Arguments& arguments, Daemon& daemon);
Result<int> schema_verb(const Arguments& arguments, Daemon& daemon);
Result<int> version_verb(const Arguments& arguments, Daemon& daemon);
Result<int> completion_verb(const Arguments& arguments, Daemon& daemon);
Result<int> image_build_verb(const Arguments& arguments, Daemon& daemon);
Result<int> image_import_verb(const Arguments& arguments, Daemon& daemon);
Result<int> image_list_verb(const Arguments& arguments, Daemon& daemon);
Result<int> image_inspect_verb(const Arguments& arguments, Daemon& daemon);
Result<int> image_remove_verb(const Arguments& arguments, Daemon& daemon);

}  // namespace vireo
