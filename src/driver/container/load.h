// SPDX-License-Identifier: Apache-2.0
// A program on its way into a shell: what start.cc and load.cc share.
#pragma once
#include "driver/container/container.h"
#include "driver/container/plan/container_plan.h"

namespace vireo {

Result<EnterRequest> enter_request(const InstanceSpec& spec);
// Until the shell's own part is done; its directory of files is there then.
Result<void> await_parked(Container& shell);
// Until it has been executed, or with what failed.
Result<void> await_program(const Container& shell, const EnterRequest& request);
// In place: who has the file open, or bound over a path, reads the new content.
Result<void> overwrite(const Fd& directory, const std::string& name, std::string_view content);
// Lets a halted program run.
Result<void> let_run(const Container& shell);

// Halts a parked process once it has executed its program, before the first instruction. One object
// is used by one thread (ptrace(2)); with this process everything that it follows ends, too.
class ExecutionHalt {
 public:
  static Result<ExecutionHalt> follow(int pid);
  ExecutionHalt(ExecutionHalt&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  ExecutionHalt& operator=(ExecutionHalt&&) = delete;
  ExecutionHalt(const ExecutionHalt&) = delete;
  ExecutionHalt& operator=(const ExecutionHalt&) = delete;
  ~ExecutionHalt();  // kills what was not halted

  // For a process that is executing its program now. It stays stopped until let_run().
  Result<void> halt();

 private:
  explicit ExecutionHalt(int pid) : pid_(pid) {}
  int pid_;
};

}  // namespace vireo
