// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "base/text.h"
#include "base/yaml_text.h"
#include "cli/operation.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "host/child_process.h"
#include "host/files.h"

namespace vireo {
namespace {

std::string image_path(const std::string& reference) {
  return "/v1/images/" + percent_encode(reference);
}

// Settings of a plain archive in the form of an OCI image's config; "" for none.
std::string settings_json(const ImageSettings& image) {
  Json json;
  auto list = [&](const char* name, const std::vector<std::string>& values) {
    if (!values.empty()) json.set(name, json_of(values));
  };
  auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) json.set(name, value);
  };
  list("Entrypoint", image.entry_point);
  list("Cmd", image.command);
  list("Env", image.environment);
  text("User", image.user);
  text("WorkingDir", image.working_directory);
  text("StopSignal", image.stop_signal);
  Json volumes;
  for (const std::string& path : image.volumes) volumes.set(path, Json::object());
  if (volumes.is_object()) json.set("Volumes", std::move(volumes));
  return json.is_object() ? json.dump() : "";
}

// Runs the program with its output in a memory file; its errors are the user's to read.
Result<Fd> output_of(const std::vector<std::string>& words, const std::string& failure) {
  Fd output(::memfd_create("output", MFD_CLOEXEC));
  if (!output) return system_error("cannot create a memory file");
  ChildProcess child = TRY(ChildProcess::start({.program = words[0],
                                                .arguments = words,
                                                .environment = {},
                                                .output = output.get(),
                                                .error = STDERR_FILENO,
                                                .fds = {}}));
  if (TRY(child.wait(without_end)) != 0) return Error{Errc::invalid, failure};
  ::lseek(output.get(), 0, SEEK_SET);
  return output;
}

// An OCI layout folder as an archive: read here, with the user's rights.
Result<Fd> packed(const std::string& folder) {
  if (!exists(folder + "/oci-layout"))
    return Error{Errc::invalid,
                 fmt::format("{} is not an OCI layout: it has no `oci-layout`; a root "
                             "file system is imported as a tar archive",
                             folder)};
  return output_of({"tar", "-cf-", "-C", folder, "oci-layout", "index.json", "blobs"},
                   fmt::format("tar could not pack {}", folder));
}

Result<Fd> open_archive(const std::string& source) {
  Fd fd = TRY(open_path(source, O_RDONLY));
  struct stat state {};
  if (::fstat(fd.get(), &state) == 0 && S_ISDIR(state.st_mode)) return packed(source);
  return fd;
}

Result<Json> follow(Daemon& daemon, Json operation, const std::string& waiting) {
  return follow_operation(daemon, std::move(operation),
                          {.waiting = waiting, .on_interrupt = {}, .left_behind = {}});
}

// With a line that says how far it is; Ctrl-C ends it, and the daemon forgets what it has got.
Result<Json> send_archive(Daemon& daemon, const std::string& target, const Fd& archive,
                          uint64_t size) {
  SignalWatch signals({SIGINT, SIGTERM});
  ProgressLine progress;
  uint64_t sent = 0;
  bool left = false;
  auto began = std::chrono::steady_clock::now();
  Result<Json> operation = daemon.upload(target, archive, size, [&](uint64_t now) {
    sent = now;
    auto elapsed = std::chrono::steady_clock::now() - began;
    if (elapsed > std::chrono::milliseconds(300))
      progress.show(fmt::format("sending  {} of {}  {}", bytes_text(now), bytes_text(size),
                                duration_text(elapsed)));
    left = signals.take() != 0;
    return !left;
  });
  progress.clear();
  if (left)
    return Error{Errc::invalid, fmt::format("interrupted after {} of {}; nothing was imported",
                                            bytes_text(sent), bytes_text(size))};
  return operation;
}

// What the operation says it made: one line a step.
void print_made(const Json& operation) {
  for (const Json& step : operation["steps"].items()) print(step["subject"].text() + "\n");
}

Result<int> import_archive(const Arguments& arguments, Daemon& daemon, const Fd& archive,
                           const std::string& name) {
  struct stat state {};
  if (::fstat(archive.get(), &state) != 0) return system_error("cannot read the archive");
  if (!S_ISREG(state.st_mode))
    return Error{Errc::invalid, fmt::format("{} is not a file", arguments.target)};
  std::string target = fmt::format("/v1/images?reference={}&settings={}", percent_encode(name),
                                   percent_encode(settings_json(arguments.image)));
  Json operation = TRY(send_archive(daemon, target, archive, static_cast<uint64_t>(state.st_size)));
  Json done = TRY(follow(daemon, std::move(operation), "image import"));
  if (!printed_raw(arguments, done)) print_made(done);
  return 0;
}

// Beside us in a build, in libexec when installed.
std::string function_builder() {
  const std::string folder = own_folder();
  const std::string installed = folder + "/../libexec/vireo/sdk/build-function";
  return exists(installed) ? installed : folder + "/sdk/build-function";
}

// "folder/dns_filter.cc" -> "dns-filter"
std::string name_of_source(const std::string& file) {
  std::string name = file.substr(file.rfind('/') + 1);
  name = name.substr(0, name.find('.'));
  std::ranges::replace(name, '_', '-');
  return name;
}

// Compiled here, with the user's rights and compiler; the daemon gets an archive as of any image.
Result<int> build_own_function(const Arguments& arguments, Daemon& daemon) {
  if (!arguments.words.empty())
    return Error{Errc::invalid, "`--function FILE` builds that alone: name no others"};
  const std::string& source = arguments.function_source;
  const Fd archive = TRY(output_of({function_builder(), source}, source + " was not built"));
  return import_archive(
      arguments, daemon, archive,
      arguments.image_name.empty() ? name_of_source(source) : arguments.image_name);
}

}  // namespace

Result<int> image_build_verb(const Arguments& arguments, Daemon& daemon) {
  if (!arguments.function_source.empty()) return build_own_function(arguments, daemon);
  std::vector<std::string> functions = arguments.words;
  if (functions.empty()) functions = {"all"};
  Json body = Json::object().set("functions", json_of(functions));
  Json operation = TRY(daemon.call("POST", "/v1/image-builds", body.dump()));
  Json done = TRY(follow(daemon, std::move(operation), "image build"));
  if (!printed_raw(arguments, done)) print_made(done);
  return 0;
}

Result<int> image_import_verb(const Arguments& arguments, Daemon& daemon) {
  Fd archive = TRY(open_archive(arguments.target));
  return import_archive(arguments, daemon, archive, arguments.image_name);
}

Result<int> image_list_verb(const Arguments& arguments, Daemon& daemon) {
  Json images = TRY(daemon.get("/v1/images"));
  if (printed_raw(arguments, images)) return 0;
  std::vector<std::vector<std::string>> rows;
  for (const Json& image : images.items())
    rows.push_back({image["reference"].text(), image["digest"].text().substr(0, 19),
                    bytes_text(static_cast<uint64_t>(image["size"].integer())),
                    image["function"].is_object() ? image["function"]["role"].text() : "endpoint",
                    image["created"].text().substr(0, 10)});
  if (rows.empty()) {
    print("no images; `vireo image build` packs Vireo's own, `vireo image import` takes others\n");
    return 0;
  }
  print(table_text(
      {{"IMAGE"}, {"DIGEST", false, 2}, {"SIZE", true}, {"ROLE", false, 1}, {"CREATED", false, 3}},
      rows, terminal_width()));
  return 0;
}

Result<int> image_inspect_verb(const Arguments& arguments, Daemon& daemon) {
  Json image = TRY(daemon.get(image_path(arguments.target)));
  if (!printed_raw(arguments, image)) print(yaml_text(image));
  return 0;
}

Result<int> image_remove_verb(const Arguments& arguments, Daemon& daemon) {
  TRY(daemon.call("DELETE", image_path(arguments.target), ""));
  if (!printed_raw(arguments, Json().set("removed", arguments.target)))
    print(fmt::format("{} removed\n", arguments.target));
  return 0;
}

}  // namespace vireo
