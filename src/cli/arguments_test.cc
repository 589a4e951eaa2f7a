// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.h"

#include <gtest/gtest.h>

#include "cli/verbs.h"

namespace vireo {
namespace {

ParsedArguments parse(std::vector<const char*> words) {
  words.insert(words.begin(), "vireo");
  return parse_arguments(static_cast<int>(words.size()), words.data());
}

TEST(Arguments, wrong_usage_is_2_and_says_what) {
  for (const auto& words :
       std::vector<std::vector<const char*>>{{},
                                             {"plan"},
                                             {"plan", "a", "b"},
                                             {"ps", "-o", "xml"},
                                             {"ps", "--colour"},
                                             {"rm"},
                                             {"rm", "s", "--all"},
                                             {"wait", "s", "--for", "tea"},
                                             {"wait", "s", "--timeout", "x"},
                                             {"logs", "s", "--tail", "x"},
                                             {"logs", "s", "--tail", "-1"},
                                             {"logs", "s", "--since", "10x"},
                                             {"events", "--since", "10m"},
                                             {"exec", "s/f"},
                                             {"-o", "json", "exec", "s/f", "ls"},
                                             {"completion", "bash", "-o", "yaml"},
                                             {"image"},
                                             {"image", "import"}}) {
    ParsedArguments parsed = parse(words);
    EXPECT_FALSE(parsed.arguments) << (words.empty() ? "" : words[0]);
    EXPECT_EQ(parsed.exit_code, 2);
    EXPECT_TRUE(parsed.text.starts_with("vireo")) << parsed.text;
  }
  EXPECT_EQ(parse({"logs", "s", "--tail", "x"}).text,
            "vireo logs: --tail: a whole number, not `x`\n`vireo logs --help` shows the usage.\n");
  EXPECT_EQ(parse({"pln", "x"}).text,
            "vireo: `pln` is not a verb\ndid you mean `plan`?  `vireo --help` lists them.\n");
}

TEST(Arguments, help_is_0) {
  EXPECT_EQ(parse({"--help"}).exit_code, 0);
  EXPECT_NE(parse({"logs", "--help"}).text.find("--follow"), std::string::npos);
}

TEST(Arguments, every_verb_is_known) {
  const std::vector<std::vector<const char*>> lines{{"plan", "f"},
                                                    {"run", "f"},
                                                    {"ps"},
                                                    {"inspect", "s"},
                                                    {"logs", "s"},
                                                    {"events"},
                                                    {"stop", "s"},
                                                    {"start", "s"},
                                                    {"restart", "s"},
                                                    {"pause", "s", "t/f"},
                                                    {"resume", "s"},
                                                    {"rm", "--all"},
                                                    {"wait", "s"},
                                                    {"host"},
                                                    {"exec", "s/f", "true"},
                                                    {"schema"},
                                                    {"version"},
                                                    {"completion", "bash"},
                                                    {"image", "build"},
                                                    {"image", "import", "x"},
                                                    {"image", "ls"},
                                                    {"image", "inspect", "x"},
                                                    {"image", "rm", "x"}};
  for (const auto& words : lines) {
    ParsedArguments parsed = parse(words);
    ASSERT_TRUE(parsed.arguments) << words[0] << parsed.text;
    EXPECT_NE(find_verb(parsed.arguments->verb), nullptr) << parsed.arguments->verb;
  }
}

TEST(Arguments, options_stand_before_and_behind_the_verb) {
  Arguments logs =
      *parse({"--socket", "/s", "logs", "a/b", "--tail", "5", "-f", "-o", "json"}).arguments;
  EXPECT_EQ(logs.socket, "/s");
  EXPECT_EQ(logs.target, "a/b");
  EXPECT_EQ(logs.tail, "5");
  EXPECT_TRUE(logs.follow);
  EXPECT_EQ(logs.output, Output::json);
}

TEST(Arguments, a_command_keeps_its_own_options) {
  Arguments exec = *parse({"exec", "-t", "s/f", "--", "ls", "-l", "--output"}).arguments;
  EXPECT_TRUE(exec.terminal);
  EXPECT_EQ(exec.words, (std::vector<std::string>{"ls", "-l", "--output"}));
}

TEST(Arguments, an_import_names_its_settings) {
  Arguments import = *parse({"image", "import", "--name", "demo/web", "--entry-point", "/bin/sh",
                             "--entry-point", "-c", "--env", "A=1", "root.tar"})
                          .arguments;
  EXPECT_EQ(import.verb, "image import");
  EXPECT_EQ(import.target, "root.tar");
  EXPECT_EQ(import.image_name, "demo/web");
  EXPECT_EQ(import.image.entry_point, (std::vector<std::string>{"/bin/sh", "-c"}));
}

TEST(Arguments, bench_and_local_are_the_daemons_work) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(daemon_arguments({"ps"}), std::nullopt);
  EXPECT_EQ(daemon_arguments({"bench", "--quick"}), (Words{"bench", "--quick"}));
  EXPECT_EQ(daemon_arguments({"-o", "json", "bench"}), (Words{"-o", "json", "bench"}));
  EXPECT_EQ(daemon_arguments({"--local", "run", "x"}), (Words{"local", "run", "x"}));
  EXPECT_EQ(daemon_arguments({"run", "x", "--local"}), (Words{"local", "run", "x"}));
  EXPECT_EQ(daemon_arguments({"exec", "s/f", "--", "p", "--local"}), std::nullopt);
  EXPECT_EQ(daemon_arguments({"logs", "bench"}), std::nullopt);
}

}  // namespace
}  // namespace vireo
