// SPDX-License-Identifier: Apache-2.0
// host: what this host can run, and what stands in the way.
#include <fmt/format.h>

#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/verbs.h"

namespace vireo {
namespace {

// What it needs and what of that is not here, or what would do it good.
std::string lacks(const Json& technology) {
  auto list = [&](const char* name) {
    return fmt::format("{}", fmt::join(strings_of(technology[name]), "; "));
  };
  if (technology["possible"].boolean())
    return technology["advice"].items().empty() ? "-" : list("advice");
  return fmt::format("{}: {}", list("needs"), list("missing"));
}

std::string value_text(const Json& value) {
  return value.is_string() ? value.text() : value.dump();
}

std::string technologies_text(const Json& host) {
  std::vector<std::vector<std::string>> rows;
  for (const Json& one : host["technologies"].items())
    rows.push_back({one["name"].text(),
                    one["possible"].is_string() ? one["possible"].text()
                                                : (one["possible"].boolean() ? "yes" : "no"),
                    one["how"].text().empty() ? "-" : one["how"].text(), lacks(one)});
  return table_text({{"TECHNOLOGY"}, {"HERE"}, {"HOW", false, 1}, {"NEEDS", false, 2}}, rows,
                    terminal_width());
}

std::string limits_text(const Json& host) {
  std::vector<std::vector<std::string>> rows;
  for (const Json& limit : host["limits"].items())
    if (!limit["enough"].boolean())
      rows.push_back({limit["name"].text(), value_text(limit["value"]),
                      value_text(limit["advised"]), limit["setting"].text()});
  if (rows.empty()) return "\nno limit of this host stands in the way of 1,000 instances\n";
  return "\n" + table_text({{"LIMIT"}, {"VALUE", true}, {"ADVISED", true}, {"SETTING"}}, rows,
                           terminal_width());
}

}  // namespace

Result<int> host_verb(const Arguments& arguments, Daemon& daemon) {
  Json host = TRY(daemon.get("/v1/host"));
  if (printed_raw(arguments, host)) return 0;
  print(technologies_text(host));
  print(limits_text(host));
  std::string facts;
  for (const auto& [name, value] : host["facts"].members())
    facts += fmt::format("{}{} {}", facts.empty() ? "" : ", ", name, value_text(value));
  print(fmt::format("\n{}\n", facts));
  return 0;
}

}  // namespace vireo
