// SPDX-License-Identifier: Apache-2.0
// The program `vireo`: reads the command line, then asks the daemon, or becomes `vireod`.
#include <fmt/format.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "host/files.h"

namespace vireo {
namespace {

int become_daemon(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = arguments;
  words.insert(words.begin(), "vireod");
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const std::string own = own_folder();
  for (const std::string& path :
       {own + "/vireod", own + "/../sbin/vireod", own + "/../libexec/vireo/vireod"})
    ::execv(path.c_str(), pointers.data());
  ::execvp("vireod", pointers.data());
  complain("cannot find the program vireod beside vireo or in PATH");
  return 1;
}

int run_program(int count, char** words) {
  if (auto arguments = daemon_arguments({words + 1, words + count}))
    return become_daemon(*arguments);
  ParsedArguments parsed = parse_arguments(count, words);
  if (!parsed.arguments) {
    if (parsed.exit_code == 0)
      print(parsed.text);
    else
      complain(parsed.text);
    return parsed.exit_code;
  }
  Daemon daemon(parsed.arguments->socket);
  Verb verb = find_verb(parsed.arguments->verb);
  if (verb == nullptr) {
    complain(fmt::format("`{}` is not a verb; `vireo --help` lists them", parsed.arguments->verb));
    return 2;
  }
  Result<int> code = verb(*parsed.arguments, daemon);
  if (code) return *code;
  complain(code.error().message);
  return 1;
}

}  // namespace
}  // namespace vireo

int main(int count, char** words) { return vireo::run_program(count, words); }
