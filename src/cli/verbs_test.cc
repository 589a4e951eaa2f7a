// SPDX-License-Identifier: Apache-2.0
#include "cli/verbs.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "cli/fake_daemon.h"

namespace vireo {
namespace {

const std::string services = R"([{"name":"edge"},{"name":"edge-2"},{"name":"office"}])";

struct Outcome {
  int code = -1;
  std::string out, error;
};

// Runs one command line against the fake.
Outcome run(FakeDaemon& fake, std::vector<const char*> words) {
  words.insert(words.begin(), "vireo");
  ParsedArguments parsed = parse_arguments(static_cast<int>(words.size()), words.data());
  if (!parsed.arguments) return {parsed.exit_code, "", parsed.text};
  Daemon daemon(fake.socket());
  testing::internal::CaptureStdout();
  Result<int> code = find_verb(parsed.arguments->verb)(
      [&] {
        Arguments arguments = *parsed.arguments;
        arguments.socket = fake.socket();
        return arguments;
      }(),
      daemon);
  Outcome outcome{code ? *code : 1, testing::internal::GetCapturedStdout(), ""};
  if (!code) outcome.error = code.error().message;
  return outcome;
}

std::string descriptor_in(FakeDaemon& fake) {
  std::string path = fake.folder() + "/d.yaml";
  EXPECT_TRUE(replace_file(fake.folder() + "/page.html", "hello"));
  EXPECT_TRUE(replace_file(path,
                           "vireo: 1\nservice: office\nfunctions:\n  web:\n    image: i\n"
                           "    files: { /page: { from: page.html }, /gone: { from: gone } }\n"));
  return path;
}

TEST(Plan, sends_the_text_and_its_files_and_changes_are_3) {
  FakeDaemon fake(
      {{"POST /v1/plan",
        {200, R"({"changes":[{"action":"create"}],"findings":[],"text":"+ link"})", ""}}});
  std::string path = descriptor_in(fake);
  Outcome outcome = run(fake, {"plan", path.c_str()});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.out, "+ link\n");
  auto body = parse_json(fake.bodies().at(0));
  EXPECT_EQ((*body)["file"].text(), path);
  EXPECT_EQ(*from_base64((*body)["files"]["page.html"].text()), "hello");
  EXPECT_FALSE((*body)["files"].has("gone"));
}

TEST(Plan, no_change_is_0_and_findings_are_printed_as_they_are) {
  FakeDaemon same({{"POST /v1/plan", {200, R"({"changes":[],"text":"nothing\n"})", ""}}});
  EXPECT_EQ(run(same, {"plan", descriptor_in(same).c_str()}).code, 0);
  FakeDaemon bad(
      {{"POST /v1/plan",
        {200, R"({"changes":[],"findings":[{"text":"d:1:1: x\n"},{"text":"d:2:1: y\n"}]})", ""}}});
  Outcome outcome = run(bad, {"plan", descriptor_in(bad).c_str()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.error, "d:1:1: x\nd:2:1: y\n");
}

TEST(Run, prints_phases_and_next_steps) {
  FakeDaemon fake(
      {{"PUT /v1/services/office", {202, R"({"id":"7","state":"STARTING"})", ""}},
       {"GET /v1/operations/7?wait=1",
        {200,
         R"({"id":"7","state":"COMPLETED","duration_ms":41,"steps":[{"subject":"office/web",
             "duration_ms":1.44,"phases":[{"name":"plan","note":"","ms":0.1},
             {"name":"ports","note":"pool","ms":0.2}]}]})",
         ""}},
       {"GET /v1/services/office",
        {200,
         R"({"name":"office","links":[{},{}],"chain":["a","b"],"functions":[
             {"function":"office/web","technology":"container","state":"running","health":"ready"}]})",
         ""}}});
  Outcome outcome = run(fake, {"run", descriptor_in(fake).c_str()});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_EQ(
      outcome.out,
      "office  1 function, 2 links, 1 chain\n"
      "  web  container  ready in 1.4 ms   (plan 0.1  ports 0.2 pool)\n"
      "up in 41 ms.  `vireo ps office` \u00b7 `vireo logs office` \u00b7 `vireo rm office`\n");
}

TEST(Run, a_failed_operation_names_reason_and_id) {
  FakeDaemon fake(
      {{"PUT /v1/services/office",
        {200, R"({"id":"7","state":"FAILED","error":{"detail":"no image `i`"}})", ""}}});
  Outcome outcome = run(fake, {"run", descriptor_in(fake).c_str()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.error, "cannot run `office`: no image `i` (operation 7, FAILED)");
}

TEST(Names, a_unique_prefix_is_enough) {
  FakeDaemon fake(
      {{"GET /v1/services", {200, services, ""}},
       {"GET /v1/functions?service=office", {200, R"([{"function":"office/web"}])", ""}},
       {"GET /v1/services/office/functions/web", {200, R"({"a":1})", ""}},
       {"GET /v1/services/edge", {200, R"({"b":2})", ""}}});
  EXPECT_EQ(run(fake, {"inspect", "off/w"}).out, "a: 1\n");
  EXPECT_EQ(run(fake, {"inspect", "edge", "-o", "json"}).out, "{\n  \"b\": 2\n}\n");
  EXPECT_EQ(run(fake, {"inspect", "ed"}).error, "`ed` could be each of the services edge, edge-2");
  EXPECT_EQ(run(fake, {"inspect", "offi/x"}).error, "no function `x`");
  EXPECT_EQ(run(fake, {"inspect", "offixe"}).error, "no service `offixe`\ndid you mean `office`?");
}

TEST(Ps, prints_a_table) {
  FakeDaemon fake({{"GET /v1/functions",
                    {200,
                     R"([{"function":"o/fw","technology":"container","state":"running",
       "health":"ready","up_seconds":130,"cpu_percent":3,"memory_bytes":419430,
       "packets_per_second":81200,"restarts":1,"healed_ms":3.1,"reason":""},
      {"function":"o/web","technology":"container","state":"backing-off","health":"unknown",
       "up_seconds":null,"restarts":4,"healed_ms":null,"reason":"exit code 7"}])",
                     ""}}});
  EXPECT_EQ(run(fake, {"ps"}).out,
            "FUNCTION   TECHNOLOGY   STATE         HEALTH       UP   CPU      MEMORY   PACKETS/S   "
            "RESTARTS\n"
            "o/fw       container    running       ready     2m10s   3 %   409.6 KiB      81.2 k   "
            "1  (healed in 3.1 ms)\n"
            "o/web      container    backing-off   unknown       -     -           -           -   "
            "4\n"
            "o/web: exit code 7\n");
  EXPECT_EQ(run(fake, {"ps", "-q"}).out, "o/fw\no/web\n");
}

TEST(Wait, ends_with_its_deadline) {
  FakeDaemon fake(
      {{"GET /v1/services", {200, services, ""}},
       {"GET /v1/functions?service=office",
        {200, R"([{"function":"office/web","state":"starting","health":"unknown"}])", ""}}});
  Outcome outcome = run(fake, {"wait", "office", "--timeout", "1ms"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.error.find("office/web is starting, unknown"), std::string::npos);
}

TEST(Rm, removes_all_and_says_so) {
  std::string done = R"({"id":"1","state":"COMPLETED","duration_ms":4})";
  FakeDaemon fake({{"GET /v1/services", {200, services, ""}},
                   {"DELETE /v1/services/edge", {200, done, ""}},
                   {"DELETE /v1/services/edge-2", {200, done, ""}},
                   {"DELETE /v1/services/office", {200, done, ""}}});
  EXPECT_EQ(run(fake, {"rm", "--all"}).out,
            "edge removed in 4.0 ms\nedge-2 removed in 4.0 ms\noffice removed in 4.0 ms\n");
}

TEST(Exec, passes_output_and_exit_code_on) {
  std::string frames("\x01\0\0\0\x03hi\n\x04\0\0\0\x0a{\"code\":7}", 23);
  FakeDaemon fake(
      {{"GET /v1/services", {200, services, ""}},
       {"GET /v1/functions?service=office", {200, R"([{"function":"office/web"}])", ""}},
       {"POST /v1/services/office/functions/web/exec", {101, "", frames}}});
  Outcome outcome = run(fake, {"exec", "office/web", "--", "ls", "-l"});
  EXPECT_EQ(outcome.code, 7) << outcome.error;
  EXPECT_EQ(outcome.out, "hi\n");
  EXPECT_EQ(strings_of((*parse_json(fake.bodies().back()))["arguments"]),
            (std::vector<std::string>{"ls", "-l"}));
}

TEST(Logs, name_their_function_when_there_are_several) {
  FakeDaemon fake(
      {{"GET /v1/services", {200, services, ""}},
       {"GET /v1/services/edge",
        {200, R"({"functions":[{"function":"edge/a"},{"function":"edge/b"}]})", ""}},
       {"GET /v1/services/edge/functions/a/logs?tail=2", {200, "{\"text\":\"one\"}\n", ""}},
       {"GET /v1/services/edge/functions/b/logs?tail=2", {200, "{\"text\":\"two\"}\n", ""}}});
  EXPECT_EQ(run(fake, {"logs", "edge", "--tail", "2"}).out, "a  one\nb  two\n");
}

TEST(Daemon, that_is_not_there_says_what_to_do) {
  Daemon daemon("/nonexistent/socket");
  auto answer = daemon.get("/v1/services");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("start `vireod`"), std::string::npos);
}

}  // namespace
}  // namespace vireo
