// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "base/text.h"

namespace vireo {
namespace {

constexpr const char* default_socket = "/run/vireo/vireod.sock";
const char* const service_or_function =
    "SERVICE, SERVICE/FUNCTION or SERVICE/FUNCTION.2 (its second instance); a unique prefix is "
    "enough";

// A check of one option's value; `says` is what the value must be.
CLI::Validator value(const char* says, bool (*good)(const std::string&)) {
  return {[=](std::string& text) {
            return good(text) ? std::string() : fmt::format("{}, not `{}`", says, text);
          },
          ""};
}
bool is_number(const std::string& text) { return parse_number(text).has_value(); }
bool is_duration(const std::string& text) { return parse_duration(text).has_value(); }
bool is_moment(const std::string& text) {
  return is_duration(text) || parse_timestamp(text).has_value();
}

class Parser {
 public:
  Parser() {
    app_.name("vireo");
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_option("--socket", arguments_.socket, "socket of the daemon")
        ->envname("VIREO_SOCKET")
        ->capture_default_str();
    app_.add_option("-o,--output", output_, "table, json or yaml")
        ->check(CLI::IsMember({"table", "json", "yaml"}))
        ->type_name("FORM");
    app_.add_flag("--local", local_, "do it here, without a running daemon");
    add_before();
    add_running();
    add_changing();
    add_images();
  }

  ParsedArguments parse(int count, const char* const* words) {
    try {
      app_.parse(count, words);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() != 0 && count > 1 && spoken() == "vireo" && words[1][0] != '-')
        return unknown_verb(words[1]);
      if (error.get_exit_code() != 0 && spoken() == "vireo" && count < 2)
        return {std::nullopt, 2, "vireo: say what to do; `vireo --help` lists the verbs\n"};
      if (error.get_exit_code() != 0)
        return {std::nullopt, 2,
                fmt::format("{0}: {1}\n`{0} --help` shows the usage.\n", spoken(), error.what())};
      std::ostringstream out;
      app_.exit(error, out, out);
      return {std::nullopt, 0, out.str()};
    }
    if (spoken() == "vireo rm" && arguments_.target.empty() && !arguments_.all)
      return {std::nullopt, 2, "vireo rm: name a service, or say `--all`\n"};
    if (output_ != "table" && (spoken() == "vireo exec" || spoken() == "vireo completion"))
      return {std::nullopt, 2, fmt::format("{}: its output has one form only\n", spoken())};
    // The parser leaves the mark between its own options and the command's.
    std::vector<std::string>& command = arguments_.words;
    if (!command.empty() && command[0] == "--") command.erase(command.begin());
    arguments_.verb = spoken().substr(std::string_view("vireo ").size());
    arguments_.output = output_ == "json"   ? Output::json
                        : output_ == "yaml" ? Output::yaml
                                            : Output::table;
    return {arguments_, 0, {}};
  }

 private:
  // "vireo image import": as far as the words were understood.
  std::string spoken() const {
    std::string text = "vireo";
    for (const CLI::App* app = &app_; !app->get_subcommands().empty();) {
      app = app->get_subcommands().front();
      text += " " + app->get_name();
    }
    return text;
  }

  ParsedArguments unknown_verb(const std::string& word) const {
    std::vector<std::string> names;
    for (const CLI::App* app : app_.get_subcommands(nullptr)) names.push_back(app->get_name());
    std::string near = nearest(word, names);
    return {std::nullopt, 2,
            fmt::format("vireo: `{}` is not a verb\n{}`vireo --help` lists them.\n", word,
                        near.empty() ? "" : fmt::format("did you mean `{}`?  ", near))};
  }

  CLI::App* verb(const char* name, const char* help) { return app_.add_subcommand(name, help); }
  CLI::Option* target(CLI::App* verb, const char* name, const char* help) {
    return verb->add_option(name, arguments_.target, help);
  }

  void add_before() {
    target(verb("plan", "show what `run` would change"), "FILE", "the descriptor")->required();
    target(verb("schema", "print the JSON Schema of descriptors"), "SECTION",
           "functions, links, health, ...");
    verb("host", "show what this host can run, and what stands in the way");
    verb("version", "print the versions of this program and of the daemon");
    verb("bench", "measure (`vireo bench --help`)");
    target(verb("completion", "print a completion script"), "SHELL", "bash")->required();
  }

  void add_running() {
    target(verb("run", "make the host match a descriptor"), "FILE", "the descriptor")->required();
    CLI::App* ps = verb("ps", "list functions");
    target(ps, "SERVICE", "of this service only");
    ps->add_flag("-q,--quiet", arguments_.quiet, "names only");
    target(verb("inspect", "show all of a service, function or port"), "TARGET",
           "as SERVICE, SERVICE/FUNCTION or SERVICE/FUNCTION:PORT; a unique prefix is enough")
        ->required();
    CLI::App* logs = verb("logs", "print what functions wrote");
    target(logs, "TARGET", service_or_function)->required();
    logs->add_flag("-f,--follow", arguments_.follow, "go on with new lines");
    logs->add_option("--tail", arguments_.tail, "only the last N lines")
        ->type_name("N")
        ->check(value("a whole number", is_number));
    logs->add_option("--since", arguments_.since, "a time, or a duration like `10m`")
        ->check(value("a duration like 10m or a time like 2026-11-24T20:16:01Z", is_moment));
    target(verb("console", "follow what one function prints; ^C leaves it running"), "TARGET",
           "SERVICE/FUNCTION")
        ->required();
    CLI::App* exec = verb("exec", "run a command in an instance");
    target(exec, "TARGET", "SERVICE/FUNCTION")->required();
    exec->add_flag("-t,--terminal", arguments_.terminal, "with a terminal");
    exec->add_flag("-i,--interactive", arguments_.interactive, "with this standard input");
    exec->add_option("COMMAND", arguments_.words, "the command, best behind `--`")->required();
    exec->positionals_at_end();
    CLI::App* events = verb("events", "print what happens");
    target(events, "SERVICE", "of this service only");
    events->add_flag("-f,--follow", arguments_.follow, "go on with new ones");
    events->add_option("--since", arguments_.since, "after the event with this number")
        ->check(value("the number of an event", is_number));
    CLI::App* wait = verb("wait", "wait for a service");
    target(wait, "SERVICE", "a unique prefix is enough")->required();
    wait->add_option("--for", arguments_.wait_for, "ready, stopped or removed")
        ->check(CLI::IsMember({"ready", "stopped", "removed"}))
        ->default_str("ready");
    wait->add_option("--timeout", arguments_.timeout, "at most this long, like `30s`")
        ->check(value("a duration like 30s", is_duration));
  }

  void add_changing() {
    for (auto [name, help] :
         {std::pair{"stop", "stop functions and keep their place"},
          std::pair{"start", "start what was stopped"}, std::pair{"restart", "stop and start"},
          std::pair{"pause", "halt functions where they are"},
          std::pair{"resume", "let paused functions go on"}})
      verb(name, help)->add_option("TARGET", arguments_.words, service_or_function)->required();
    CLI::App* rm = verb("rm", "remove a service and all that it uses");
    CLI::Option* service = target(rm, "SERVICE", "a unique prefix is enough");
    CLI::Option* all = rm->add_flag("--all", arguments_.all, "every service");
    service->excludes(all);
  }

  void add_images() {
    CLI::App* image = verb("image", "images");
    image->require_subcommand(1);
    image->fallthrough();
    CLI::App* build = image->add_subcommand("build", "pack Vireo's own functions as images");
    build->add_option("FUNCTION", arguments_.words, "firewall, nat, ..., all when absent");
    build->add_option("--function", arguments_.function_source, "a source file of your own");
    build->add_option("--name", arguments_.image_name, "name of its image; its file's when absent");
    CLI::App* import = image->add_subcommand("import", "take an archive or an OCI layout folder");
    target(import, "SOURCE", "FILE or DIRECTORY")->required();
    import->add_option("--name", arguments_.image_name, "name of the image");
    import->add_option("--entry-point", arguments_.image.entry_point, "one word each")
        ->allow_extra_args(false);
    import->add_option("--command", arguments_.image.command, "one word each")
        ->allow_extra_args(false);
    import->add_option("--env", arguments_.image.environment, "NAME=VALUE")
        ->allow_extra_args(false);
    import->add_option("--volume", arguments_.image.volumes, "a writable path")
        ->allow_extra_args(false);
    import->add_option("--user", arguments_.image.user, "name or uid[:gid]");
    import->add_option("--working-directory", arguments_.image.working_directory, "a path");
    import->add_option("--stop-signal", arguments_.image.stop_signal, "SIGTERM when absent");
    image->add_subcommand("ls", "list images");
    for (auto [name, help] : {std::pair{"inspect", "show all of an image"},
                              std::pair{"rm", "remove an image that nobody uses"}})
      image->add_subcommand(name, help)
          ->add_option("IMAGE", arguments_.target, "name or digest")
          ->required();
  }

  Arguments arguments_{.verb = {},
                       .socket = default_socket,
                       .target = {},
                       .words = {},
                       .since = {},
                       .tail = {},
                       .timeout = {},
                       .wait_for = "ready",
                       .image_name = {},
                       .function_source = {},
                       .image = {}};
  std::string output_ = "table";
  bool local_ = false;
  CLI::App app_{
      "Runs network services of functions, links and chains.\n"
      "before:  schema host image plan     run: run ps inspect logs console exec events\n"
      "change:  stop start restart pause resume rm wait     judge: bench\n"};
};

}  // namespace

ParsedArguments parse_arguments(int count, const char* const* words) {
  return Parser().parse(count, words);
}

std::optional<std::vector<std::string>> daemon_arguments(const std::vector<std::string>& words) {
  std::vector<std::string> rest;
  std::string verb;
  bool local = false;
  bool value = false;  // the word belongs to the option before it
  for (size_t i = 0; i < words.size(); i++) {
    const std::string& word = words[i];
    if (word == "--") {
      rest.insert(rest.end(), words.begin() + static_cast<ptrdiff_t>(i), words.end());
      break;
    }
    if (word == "--local") {
      local = true;
      continue;
    }
    if (!value && verb.empty() && !word.starts_with("-")) verb = word;
    value = word == "--socket" || word == "--output" || word == "-o";
    rest.push_back(word);
  }
  if (verb == "bench") return rest;
  if (!local) return std::nullopt;
  rest.insert(rest.begin(), "local");
  return rest;
}

}  // namespace vireo
