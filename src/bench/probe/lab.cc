// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/lab.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr auto longest_end = 300s;  // of a daemon that has thousands of services to remove

Result<void> bring_up_loopback() {
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
    return system_error("cannot bring the loopback interface up");
  return {};
}

Result<Json> answer_json(Result<HttpAnswer> answer) {
  if (!answer) return std::move(answer).error();
  auto json = parse_json(answer->body);
  if (answer->status < 300) return json;
  std::string detail = json ? (*json)["detail"].text() : answer->body;
  if (json && !(*json)["findings"].items().empty()) {
    detail.clear();
    for (const Json& finding : (*json)["findings"].items())
      detail += (detail.empty() ? "" : "; ") + finding["message"].text();
  }
  return Error{answer->status == 404 ? Errc::not_found : Errc::invalid, detail};
}

// An operation that has ended well, or its error.
Result<Json> completed(Result<Json> operation) {
  Json record = TRY(std::move(operation));
  if (record["state"].text() == "COMPLETED") return record;
  return Error{Errc::unavailable,
               fmt::format("operation {} is {}: {}", record["id"].text(), record["state"].text(),
                           record["error"]["detail"].text())};
}

// Keepers are the daemon's children no more; they end once they hold nothing.
std::vector<int> keepers_of(const std::string& directory) {
  std::vector<int> pids;
  for (const std::string& name : list_directory("/proc").value_or({})) {
    if (name[0] < '0' || name[0] > '9') continue;
    auto text = read_file("/proc/" + name + "/cmdline");
    if (text && text->starts_with("vireo-keeper") && text->find(directory) != std::string::npos)
      pids.push_back(std::atoi(name.c_str()));
  }
  return pids;
}

}  // namespace

Result<void> enter_private_namespaces(const std::string& congestion_control) {
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
    return system_error("cannot make namespaces for the measurement (it needs root)");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return system_error("cannot make mounts private");
  // Named namespaces, sockets and pid files of peers stay in here.
  if (::mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
    return system_error("cannot mount a private /run");
  TRY(bring_up_loopback());
  return write_existing("/proc/sys/net/ipv4/tcp_congestion_control", congestion_control);
}

Lab::Lab(TemporaryDirectory directory, ChildProcess daemon, unsigned pool)
    : directory_(std::move(directory)),
      daemon_(std::move(daemon)),
      client_(new_client()),
      pool_(pool) {}

Result<std::unique_ptr<Lab>> Lab::start(const LabOptions& options) {
  TemporaryDirectory directory = TRY(TemporaryDirectory::make("vireo-bench"));
  const std::string socket = socket_path(directory.path());
  Fd log = TRY(open_path(directory.path() + "/vireod.log", O_WRONLY | O_CREAT, 0600));
  ChildCommand command;
  command.program = options.program;
  command.arguments = {"vireod",        "--ephemeral",
                       "--state-dir",   directory.path() + "/state",
                       "--runtime-dir", directory.path() + "/run",
                       "--socket",      socket,
                       "--pool",        std::to_string(options.pool)};
  for (const auto& [name, value] :
       {std::pair("--fabric", options.fabric), std::pair("--packet-ports", options.packet_ports),
        std::pair("--keep-loaded", options.keep_loaded),
        std::pair("--start-tier", options.start_tier)})
    if (!value.empty()) command.arguments.insert(command.arguments.end(), {name, value});
  command.output = command.error = log.get();
  command.new_session = true;  // an interrupt from the terminal is for the bench alone
  ChildProcess daemon = TRY(ChildProcess::start(command));
  auto lab = std::unique_ptr<Lab>(new Lab(std::move(directory), std::move(daemon), options.pool));
  for (auto limit = std::chrono::steady_clock::now() + 20s;;) {
    if (lab->get("/healthz")) return lab;
    if (lab->daemon_.wait(10ms) || std::chrono::steady_clock::now() > limit)
      return Error{Errc::unavailable,
                   fmt::format("the private daemon does not start:\n{}",
                               read_file(lab->directory() + "/vireod.log").value_or(""))};
  }
}

Lab::~Lab() {
  // --ephemeral: it removes services, spares and keeper before it ends.
  if (daemon_.signal(SIGTERM)) (void)daemon_.wait(longest_end).has_value();
  for (auto limit = std::chrono::steady_clock::now() + 5s;
       !keepers_of(directory()).empty() && std::chrono::steady_clock::now() < limit;)
    std::this_thread::sleep_for(10ms);
}

Result<Json> Lab::get(const std::string& path) { return answer_json(client_.request("GET", path)); }

Result<Json> Lab::post(const std::string& path, const Json& body) {
  return completed(answer_json(client_.request("POST", path, body.dump())));
}

Result<Json> Lab::run(const std::string& descriptor, const std::string& service) {
  return run_over(client_, descriptor, service);
}

Result<Json> Lab::remove(const std::string& service) { return remove_over(client_, service); }

Result<Json> Lab::run_over(HttpClient& client, const std::string& descriptor,
                           const std::string& service) {
  Json body = Json().set("descriptor", descriptor).set("file", "bench");
  return completed(answer_json(
      client.request("PUT", fmt::format("/v1/services/{}?wait=60", service), body.dump())));
}

Result<Json> Lab::remove_over(HttpClient& client, const std::string& service) {
  return completed(answer_json(client.request("DELETE", "/v1/services/" + service + "?wait=60")));
}

Result<Json> Lab::import_image(const std::string& archive, const std::string& reference,
                               const Json& settings) {
  Fd file = TRY(open_path(archive, O_RDONLY));
  auto size = ::lseek(file.get(), 0, SEEK_END);
  ::lseek(file.get(), 0, SEEK_SET);
  std::string target = fmt::format("/v1/images?wait=300&reference={}&settings={}",
                                   percent_encode(reference), percent_encode(settings.dump()));
  return completed(answer_json(client_.upload(target, file, static_cast<uint64_t>(size))));
}

Result<void> Lab::build_functions(const std::vector<std::string>& names) {
  TRY(post("/v1/image-builds?wait=60", Json().set("functions", json_of(names))));
  return {};
}

Result<void> Lab::wait_for_pool(std::chrono::milliseconds limit, const std::string& technology) {
  const std::string gauge =
      fmt::format("\nvireo_pool_missing{{technology=\"{}\"}} 0\n", technology);
  if (pool_ == 0) return {};
  for (auto end = std::chrono::steady_clock::now() + limit;
       std::chrono::steady_clock::now() < end;) {
    HttpAnswer metrics = TRY(client_.request("GET", "/metrics?only=pool"));
    if (metrics.body.find(gauge) != std::string::npos) return {};
    std::this_thread::sleep_for(2ms);
  }
  return Error{Errc::timed_out, "the pool did not refill in time"};
}

Result<double> Lab::pool_value(const std::string& name, const std::string& technology) {
  const std::string line = fmt::format("\nvireo_pool_{}{{technology=\"{}\"}} ", name, technology);
  HttpAnswer metrics = TRY(client_.request("GET", "/metrics?only=pool"));
  const size_t at = metrics.body.find(line);
  if (at == std::string::npos)
    return Error{Errc::not_found, fmt::format("the daemon has no pool for {}", technology)};
  return std::strtod(&metrics.body[at + line.size()], nullptr);
}

Result<void> Lab::expect_possible(const std::string& technology) {
  Json host = TRY(get("/v1/host"));
  for (const Json& each : host["technologies"].items()) {
    if (each["name"].text() != technology || each["possible"].boolean()) continue;
    std::string reasons;
    for (const Json& missing : each["missing"].items())
      reasons += (reasons.empty() ? "" : "; ") + missing.text();
    return Error{Errc::unsupported, reasons};
  }
  return {};
}

std::vector<int> Lab::keepers() const { return keepers_of(directory()); }

std::vector<int> Lab::pids() const {
  std::vector<int> pids = keepers();
  pids.push_back(daemon_.pid());
  return pids;
}

Result<std::string> interface_with(const IpAddress& address) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return system_error("cannot list interfaces");
  std::string name;
  for (ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    const auto* v4 = reinterpret_cast<sockaddr_in*>(each->ifa_addr);
    if (std::memcmp(&v4->sin_addr, address.bytes.data(), 4) == 0) name = each->ifa_name;
  }
  ::freeifaddrs(all);
  if (name.empty())
    return Error{Errc::not_found, fmt::format("no interface has {}", to_string(address))};
  return name;
}

}  // namespace vireo::bench
