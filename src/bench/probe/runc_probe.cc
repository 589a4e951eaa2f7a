// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>

#include "base/rollback.h"
#include "bench/probe/commands.h"
#include "bench/probe/peers.h"
#include "host/child_process.h"
#include "host/files.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr const char* mac = "02:98:00:00:00:10";

// OCI runtime-spec 1.0: what `runc spec` writes, less what this program does not need.
std::string runtime_config(const std::string& root) {
  auto mount = [](const char* destination, const char* type) {
    return Json().set("destination", destination).set("type", type).set("source", type);
  };
  auto name_space = [](const char* type) { return Json().set("type", type); };
  Json namespaces = Json::array();
  for (const char* type : {"pid", "ipc", "uts", "mount"}) namespaces.push(name_space(type));
  namespaces.push(name_space("network").set("path", "/run/netns/runc"));
  Json process = Json()
                     .set("terminal", false)
                     .set("cwd", "/")
                     .set("args", json_of({"/listener"}))
                     .set("env", json_of({"PATH=/"}))
                     .set("noNewPrivileges", true)
                     .set("user", Json().set("uid", 0).set("gid", 0));
  return Json()
      .set("ociVersion", "1.0.2")
      .set("process", process)
      .set("root", Json().set("path", root).set("readonly", true))
      .set("hostname", "bench")
      .set("mounts", Json::array().push(mount("/proc", "proc")).push(mount("/dev", "tmpfs")))
      .set("linux", Json().set("namespaces", namespaces).set("cgroupsPath", "/vireo-bench-runc"))
      .dump(1);
}

class RuncProbe final : public Probe {
 public:
  explicit RuncProbe(PeerOptions options) : options_(std::move(options)) {
    auto program = find_program(options_.programs, "runc");
    if (!program) return;
    program_ = *program;
    auto text = run_script(program_ + " --version");
    if (text) name_ = fmt::format("runc {}", text->substr(13, text->find_first_of("+\n") - 13));
  }

  std::vector<Row> rows() const override {
    std::vector<Row> rows = peer_start_rows(name_);
    rows[0].status = RowStatus::not_run;
    rows[0].reason = "the kernel of its ready network namespace answers before runc is called";
    return rows;
  }

  Result<void> prepare() override {
    program_ = TRY(find_program(options_.programs, "runc"));
    bundle_ = options_.work_folder + "/runc";
    TRY(make_directories(bundle_ + "/state"));
    TRY(replace_file(bundle_ + "/config.json", runtime_config(options_.root_folder)));
    TRY(run_script(
        fmt::format("ip netns add runc; ip link add runc0 type veth peer name eth0 netns runc;"
                    "ip addr add 10.98.0.1/24 dev runc0; ip link set runc0 up;"
                    "ip -n runc link set lo up; ip -n runc link set eth0 address {} up;"
                    "ip -n runc addr add 10.98.0.10/24 dev eth0;"
                    "host=$(ip -o link show runc0 | sed 's/.*ether \\([^ ]*\\).*/\\1/');"
                    "ip -n runc neigh replace 10.98.0.1 lladdr $host dev eth0",
                    mac)));
    ProbeTarget target{"runc0", *parse_ip("10.98.0.1"), *parse_ip("10.98.0.10"), *parse_mac(mac),
                       8080};
    prober_ = TRY(SynProber::open(target));
    return {};
  }

  Result<Sample> measure() override {
    Sample sample;
    prober_->reset();
    Rollback quiet([this] { prober_->pause(); });
    auto started = std::chrono::steady_clock::now();
    auto begun = run({"run", "--detach", "--bundle", bundle_, "bench"});
    if (!begun) {
      (void)run({"delete", "--force", "bench"}).has_value();
      return begun.error();
    }
    auto answered = take_answers(*prober_, started, sample.values);
    TRY(run({"delete", "--force", "bench"}));
    TRY(answered);
    return sample;
  }

  void clean_up() noexcept override {
    prober_.reset();
    if (!bundle_.empty()) (void)run_script("ip link del runc0; ip netns del runc").has_value();
  }

 private:
  // Its container inherits its output: a pipe would stay open as long as that runs.
  Result<void> run(std::vector<std::string> arguments) {
    std::string log = bundle_ + "/log";
    Fd errors = TRY(open_path(log, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    ChildCommand command;
    command.program = program_;
    command.arguments = {"runc", "--root", bundle_ + "/state"};
    command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
    command.error = errors.get();
    command.new_session = true;
    ChildProcess child = TRY(ChildProcess::start(command));
    int status = TRY(child.wait(30s));
    if (status == 0) return {};
    return Error{Errc::unavailable,
                 fmt::format("runc {} failed: {}", arguments.at(0), read_file(log).value_or(""))};
  }

  PeerOptions options_;
  std::string program_, bundle_, name_ = "runc";
  std::unique_ptr<SynProber> prober_;
};

}  // namespace

std::unique_ptr<Probe> make_runc_start_probe(const PeerOptions& options) {
  return std::make_unique<RuncProbe>(options);
}

}  // namespace vireo::bench
