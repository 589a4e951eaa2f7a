// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "cli/fake_daemon.h"
#include "cli/verbs.h"

namespace vireo {
namespace {

constexpr const char* path = "/v1/services/office";

// Ctrl-C reaches nobody but who asks for it, the fake's thread included.
struct QuietInterrupt {
  QuietInterrupt() {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGINT);
    pthread_sigmask(SIG_BLOCK, &one, &before);
  }
  ~QuietInterrupt() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  sigset_t before{};
};

TEST(Run, at_an_interruption_stops_what_it_began_and_waits_for_that) {
  const QuietInterrupt quiet;
  const std::string going = R"({"id":"1","state":"PROCESSING"})";
  const std::string waited = "GET /v1/operations/1?wait=1", stop = "/v1/services/office/stop";
  bool interrupted = false;
  FakeDaemon fake({{std::string("PUT ") + path, {202, going, ""}},
                   {waited, {200, going, ""}},
                   {"POST " + stop, {202, R"({"id":"2","state":"STARTING"})", ""}},
                   {"GET /v1/operations/2?wait=1", {200, R"({"id":"2","state":"COMPLETED"})", ""}}},
                  [&](const std::string& request, FakeDaemon::Answers& answers) {
                    if (request == waited && !std::exchange(interrupted, true))
                      ::kill(::getpid(), SIGINT);
                    if (request != "POST " + stop) return;
                    answers[waited].body =
                        R"({"id":"1","state":"FAILED","error":{"detail":"another came after it"}})";
                  });
  const std::string file = fake.folder() + "/d.yaml";
  ASSERT_TRUE(replace_file(file, "vireo: 1\nservice: office\n"));
  Arguments arguments;
  arguments.verb = "run";
  arguments.target = file;
  arguments.output = Output::json;
  Daemon daemon(fake.socket());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const Result<int> code = run_verb(arguments, daemon);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "") << "not a line among JSON";
  EXPECT_NE(testing::internal::GetCapturedStderr().find("asked for a clean stop"),
            std::string::npos);
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().message,
            "cannot run `office`: stopped by Ctrl-C; `vireo start office` starts it, `vireo rm "
            "office` removes it");
  EXPECT_EQ(fake.requests().back(), "GET /v1/operations/2?wait=1");
}

}  // namespace
}  // namespace vireo
