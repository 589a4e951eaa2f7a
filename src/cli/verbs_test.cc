// SPDX-License-Identifier: Apache-2.0
#include "cli/verbs.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "cli/fake_daemon.h"
#include "cli/operation.h"

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

TEST(Run, prints_what_an_exchange_cost) {
  FakeDaemon fake({{"PUT /v1/services/office",
                    {200,
                     R"({"id":"7","state":"COMPLETED","duration_ms":9,"steps":[
             {"subject":"office/nat","duration_ms":2.5,"phases":[{"name":"state","note":"","ms":0.4}]},
             {"subject":"office/nat","duration_ms":0.9,"phases":[{"name":"swap","note":"","ms":0.03}],
              "handover":{"gap_ms":0.034,"lost_packets":0}},
             {"subject":"office/fw","duration_ms":7,"phases":[],
              "handover":{"gap_ms":3.21,"lost_packets":null}},
             {"subject":"office/web","duration_ms":7,"phases":[],
              "handover":{"gap_ms":0.3,"lost_packets":1}}]})",
                     ""}},
                   {"GET /v1/services/office",
                    {200,
                     R"({"name":"office","links":[],"chain":[],"functions":[
             {"function":"office/nat","technology":"container","state":"running","health":"ready"}]})",
                     ""}}});
  Outcome outcome = run(fake, {"run", descriptor_in(fake).c_str()});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_EQ(
      outcome.out,
      "office  1 function, 0 links, 0 chains\n"
      "  nat  container  ready in 2.5 ms   (state 0.4)\n"
      "  swapped nat: gap 0.03 ms, 0 packets lost\n"
      "  swapped fw: gap 3.2 ms, packets lost are not counted by this fabric\n"
      "  swapped web: gap 0.30 ms, 1 packet lost\n"
      "up in 9.0 ms.  `vireo ps office` \u00b7 `vireo logs office` \u00b7 `vireo rm office`\n");
}

TEST(Run, a_failed_operation_names_reason_and_id) {
  FakeDaemon fake(
      {{"PUT /v1/services/office",
        {200, R"({"id":"7","state":"FAILED","error":{"detail":"no image `i`"}})", ""}}});
  Outcome outcome = run(fake, {"run", descriptor_in(fake).c_str()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.error, "cannot run `office`: no image `i` (operation 7, FAILED)");
}

TEST(Follow, says_why_a_function_is_not_ready_each_reason_once) {
  const std::string going = R"({"id":"7","state":"PROCESSING"})", look = "GET /v1/services/office";
  auto rows = [](const std::string& reason) {
    return R"({"functions":[{"function":"office/web","state":"backing-off","health":"unknown","reason":")" +
           reason +
           R"("},{"function":"office/fw","state":"running","health":"ready","reason":"before"},
             {"function":"office/nat","state":"stopped","health":"unknown","reason":"long ago"},
             {"function":"office/dns","state":"starting","health":"unknown","reason":""}]})";
  };
  unsigned looks = 0;
  FakeDaemon fake({{"GET /v1/operations/7?wait=1", {200, going, ""}}, {look, {200, rows("a"), ""}}},
                  [&](const std::string& request, FakeDaemon::Answers& answers) {
                    if (request != look || ++looks < 2) return;
                    answers[look].body = rows("b");
                    if (looks == 4)
                      answers["GET /v1/operations/7?wait=1"].body =
                          R"({"id":"7","state":"COMPLETED"})";
                  });
  Daemon daemon(fake.socket());
  auto said = [&](const FollowOptions& options) {
    testing::internal::CaptureStderr();
    Result<Json> done = follow_operation(daemon, *parse_json(going), options);
    EXPECT_TRUE(done);
    return testing::internal::GetCapturedStderr();
  };
  FollowOptions options{.waiting = "office",
                        .on_interrupt = [] { return Result<void>(); },
                        .left_behind = {},
                        .service = "office",
                        .look_every = std::chrono::milliseconds(1)};
  EXPECT_EQ(said(options),
            "office/web: a\n"
            "tried again, each time later; `vireo logs office` tells more, Ctrl-C stops it\n"
            "office/web: b\n");
  EXPECT_EQ(looks, 4u);
  options.service.clear();
  EXPECT_EQ(said(options), "");
  EXPECT_EQ(looks, 4u) << "of images and removals no service is asked for";
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

TEST(Names, an_instance_and_a_port_stand_behind_a_function) {
  const std::string web =
      R"({"function":"office/web","ports":[{"name":"port0","mac":"a"},{"name":"port1","mac":"b"}]})";
  FakeDaemon fake({{"GET /v1/services", {200, services, ""}},
                   {"GET /v1/functions?service=office", {200, "[" + web + "]", ""}},
                   {"GET /v1/services/office/functions/web", {200, web, ""}}});
  EXPECT_NE(run(fake, {"inspect", "office/web.1"}).out.find("function: office/web"),
            std::string::npos);
  EXPECT_EQ(run(fake, {"inspect", "office/web:port1"}).out, "name: port1\nmac: b\n");
  EXPECT_EQ(run(fake, {"inspect", "office/w.1:port1"}).out, "name: port1\nmac: b\n");
  EXPECT_EQ(run(fake, {"inspect", "office/web.2"}).error,
            "`office/web` has one instance, `web.1`; there is no `.2`");
  EXPECT_EQ(run(fake, {"inspect", "office/web:port7"}).error,
            "no port `port7`\ndid you mean `port0`?");
  EXPECT_NE(run(fake, {"stop", "office/web:port1"}).error.find("names a port"), std::string::npos);
}

TEST(Change, several_are_changed_in_order) {
  const std::string done = R"({"id":"7","state":"COMPLETED","duration_ms":1.5})";
  FakeDaemon fake(
      {{"GET /v1/services", {200, services, ""}},
       {"GET /v1/functions?service=office", {200, R"([{"function":"office/web"}])", ""}},
       {"POST /v1/services/office/functions/web/pause", {200, done, ""}},
       {"POST /v1/services/edge/pause", {200, done, ""}}});
  EXPECT_EQ(run(fake, {"pause", "office/w", "edge"}).out,
            "office/web paused in 1.5 ms\nedge paused in 1.5 ms\n");
  EXPECT_EQ(run(fake, {"pause", "edge", "-o", "json"}).out.front(), '{');
  EXPECT_EQ(run(fake, {"pause", "edge", "office", "-o", "json"}).code, 1);
}

TEST(Ps, prints_a_table) {
  FakeDaemon fake({{"GET /v1/functions",
                    {200,
                     R"([{"function":"o/fw","technology":"container","state":"running",
       "health":"ready","tier":"loaded","up_seconds":130,"cpu_percent":3,"memory_bytes":419430,
       "packets_per_second":81200,"restarts":1,"healed_ms":3.1,"reason":""},
      {"function":"o/web","technology":"container","state":"backing-off","health":"unknown",
       "up_seconds":null,"restarts":4,"healed_ms":null,"reason":"exit code 7"}])",
                     ""}}});
  EXPECT_EQ(run(fake, {"ps"}).out,
            "FUNCTION   TECHNOLOGY   STATE         HEALTH       UP   START    CPU      MEMORY   "
            "PACKETS/S   RESTARTS\n"
            "o/fw       container    running       ready     2m10s   loaded   3 %   409.6 KiB   "
            "   81.2 k   1  (healed in 3.1 ms)\n"
            "o/web      container    backing-off   unknown       -   -          -           -   "
            "        -   4\n"
            "o/web: exit code 7\n");
  EXPECT_EQ(run(fake, {"ps", "-q"}).out, "o/fw\no/web\n");
}

TEST(Wait, ends_with_its_deadline) {
  FakeDaemon fake({{"GET /v1/services", {200, services, ""}},
                   {"GET /v1/functions?service=office",
                    {200,
                     R"([{"function":"office/web","state":"starting","health":"unknown"},
             {"function":"office/fw","state":"backing-off","health":"unknown",
              "reason":"exit code 7"}])",
                     ""}}});
  Outcome outcome = run(fake, {"wait", "office", "--timeout", "1ms"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.error.find("office/web is starting, unknown; office/fw is backing-off, "
                               "unknown: exit code 7"),
            std::string::npos)
      << outcome.error;
}

TEST(Wait, knows_what_is_ready_and_what_is_gone) {
  FakeDaemon runs(
      {{"GET /v1/services", {200, services, ""}},
       {"GET /v1/functions?service=office",
        {200, R"([{"function":"office/web","state":"running","health":"ready"}])", ""}}});
  EXPECT_EQ(run(runs, {"wait", "office", "--timeout", "1ms"}).code, 0);
  EXPECT_NE(run(runs, {"wait", "office", "-o", "yaml"}).out.find("state: running"),
            std::string::npos);
  EXPECT_EQ(run(runs, {"wait", "office", "--for", "removed", "--timeout", "1ms"}).code, 1);
  FakeDaemon gone({{"GET /v1/services", {200, services, ""}}});
  EXPECT_EQ(run(gone, {"wait", "office", "--for", "removed"}).code, 0);
  EXPECT_EQ(run(gone, {"wait", "office"}).code, 1);
  EXPECT_EQ(run(gone, {"wait", "nowhere", "--for", "removed"}).code, 0);
}

TEST(Rm, goes_on_when_one_cannot_be_removed) {
  std::string done = R"({"id":"1","state":"COMPLETED","duration_ms":4})";
  FakeDaemon fake({{"GET /v1/services", {200, services, ""}},
                   {"DELETE /v1/services/edge",
                    {200, R"({"id":"7","state":"FAILED","error":{"detail":"x"}})", ""}},
                   {"DELETE /v1/services/edge-2", {200, done, ""}},
                   {"DELETE /v1/services/office", {200, done, ""}}});
  Outcome outcome = run(fake, {"rm", "--all"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "edge-2 removed in 4.0 ms\noffice removed in 4.0 ms\n");
}

TEST(Import, of_an_archive_is_sent_whole_and_followed) {
  FakeDaemon fake(
      {{"POST /v1/images?reference=demo&settings=",
        {202, R"({"id":"1","state":"COMPLETED","steps":[{"subject":"demo:latest"}]})", ""}}});
  std::string archive = fake.folder() + "/root.tar";
  ASSERT_TRUE(replace_file(archive, std::string(600'000, 'x')));
  Outcome outcome = run(fake, {"image", "import", archive.c_str(), "--name", "demo"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_EQ(outcome.out, "demo:latest\n");
  EXPECT_EQ(fake.bodies().at(0).size(), 600'000u);
}

TEST(Import, can_be_interrupted) {
  Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto folder = TemporaryDirectory::make("vireo-cli");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder->path() + "/s").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  // Nobody reads: the socket fills, and only an interruption ends the upload.
  ASSERT_TRUE(replace_file(folder->path() + "/root.tar", std::string(8'000'000, 'x')));
  auto archive = open_path(folder->path() + "/root.tar", O_RDONLY);
  ASSERT_TRUE(archive);
  int heard = 0;
  Daemon daemon(folder->path() + "/s");
  auto answer = daemon.upload("/v1/images", *archive, 8'000'000, [&](uint64_t sent) {
    EXPECT_LT(sent, 8'000'000u);
    return ++heard < 20;
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(heard, 20);
}

TEST(Console, follows_one_function) {
  FakeDaemon fake(
      {{"GET /v1/services", {200, services, ""}},
       {"GET /v1/services/edge",
        {200, R"({"functions":[{"function":"edge/a"},{"function":"edge/b"}]})", ""}},
       {"GET /v1/functions?service=office", {200, R"([{"function":"office/web"}])", ""}},
       {"GET /v1/services/office/functions/web/logs?tail=10&follow=1",
        {200, "{\"text\":\"up\"}\n", ""}}});
  Outcome outcome = run(fake, {"console", "office/web"});
  EXPECT_EQ(outcome.out, "up\n");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(run(fake, {"console", "edge"}).error,
            "`edge` has 2 functions: name one, as in `vireo console edge/a`");
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

TEST(Logs, are_documents_in_yaml) {
  FakeDaemon fake(
      {{"GET /v1/services", {200, services, ""}},
       {"GET /v1/functions?service=office", {200, R"([{"function":"office/web"}])", ""}},
       {"GET /v1/services/office/functions/web/logs",
        {200, "{\"text\":\"one\"}\n{\"text\":\"two\"}\n", ""}}});
  EXPECT_EQ(run(fake, {"logs", "office/web", "-o", "yaml"}).out,
            "---\ntext: one\n---\ntext: two\n");
}

TEST(Schema, of_no_section_is_wrong_usage) {
  FakeDaemon fake({});
  EXPECT_EQ(run(fake, {"schema", "function"}).code, 2);
  EXPECT_NE(run(fake, {"schema", "chain", "-o", "yaml"}).out.find("type: array"),
            std::string::npos);
}

TEST(Completion, is_a_script_that_bash_reads) {
  FakeDaemon fake({});
  std::string path = fake.folder() + "/completion";
  ASSERT_TRUE(replace_file(path, run(fake, {"completion", "bash"}).out));
  EXPECT_EQ(std::system(("bash -n " + path).c_str()), 0);
}

TEST(Daemon, that_is_not_there_says_what_to_do) {
  Daemon daemon("/nonexistent/socket");
  auto answer = daemon.get("/v1/services");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("start `vireod`"), std::string::npos);
}

}  // namespace
}  // namespace vireo
