// SPDX-License-Identifier: Apache-2.0
// The command line as plain values; the library behind it is included in arguments.cc alone.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace vireo {

enum class Output { table, json, yaml };

// What `image import` says of a plain root file system.
struct ImageSettings {
  std::vector<std::string> entry_point, command, environment, volumes;
  std::string user, working_directory, stop_signal;
};

struct Arguments {
  std::string verb;    // "run", "image import", ...
  std::string socket;  // of the daemon
  Output output = Output::table;
  std::string target;              // SERVICE, SERVICE/FUNCTION, image, file, section
  std::vector<std::string> words;  // of exec and image build; targets of stop and the like
  bool follow = false, all = false, terminal = false, interactive = false, quiet = false;
  std::string since, tail, timeout, wait_for, image_name;
  std::string function_source;  // of image build
  ImageSettings image;
};

struct ParsedArguments {
  std::optional<Arguments> arguments;
  int exit_code = 0;  // without arguments: help was asked for (0), or wrong usage (2)
  std::string text;   // ... and what to print then
};

ParsedArguments parse_arguments(int count, const char* const* words);

// The arguments for `vireod` when it has to do the work itself: `bench ...` as it is, and
// `--local VERB ...` as `local VERB ...`. nullopt: a request for a running daemon.
std::optional<std::vector<std::string>> daemon_arguments(const std::vector<std::string>& words);

}  // namespace vireo
