// SPDX-License-Identifier: Apache-2.0
// A private daemon in network and mount namespaces of its own, with state in a temporary directory:
// nothing of the host is changed, and nothing is left.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/net_address.h"
#include "base/result.h"
#include "host/child_process.h"
#include "host/files.h"
#include "host/http_client.h"

namespace vireo::bench {

// Moves the process (single-threaded still) into network, mount and pid-visible namespaces of its
// own, with loopback up and `congestion_control` set. Once, at the start of a bench.
Result<void> enter_private_namespaces(const std::string& congestion_control);

struct LabOptions {
  std::string program;         // vireod
  unsigned pool = 4;           // spare shells of each shape; 0: every start is cold
  std::string packet_ports{};  // "tap", "packet"; "": the daemon's choice
  std::string fabric{};        // "ebpf", "bridge"; "": the daemon's choice
  std::string keep_loaded{};   // seconds that an unused program stays loaded; "": likewise
  std::string start_tier{};  // the quickest way to start a virtual machine; "": the daemon's choice
};

class Lab {
 public:
  static Result<std::unique_ptr<Lab>> start(const LabOptions& options);
  ~Lab();  // removes all services, ends the daemon and its keepers

  // Applies a descriptor and waits for the operation's end; its record. Failed: the record's error.
  Result<Json> run(const std::string& descriptor, const std::string& service = "bench");
  HttpClient new_client() const { return HttpClient(socket_path(directory())); }
  Result<Json> remove(const std::string& service);
  // The same over a connection of the caller's, for threads that ask at once.
  static Result<Json> run_over(HttpClient& client, const std::string& descriptor,
                               const std::string& service);
  static Result<Json> remove_over(HttpClient& client, const std::string& service);
  Result<Json> get(const std::string& path);
  Result<Json> post(const std::string& path, const Json& body = Json::object());
  Result<Json> import_image(const std::string& archive, const std::string& reference,
                            const Json& settings);
  Result<void> build_functions(const std::vector<std::string>& names);  // images vireo/NAME
  // Until the pools have refilled (GET /metrics?only=pool), so that a pooled start is one.
  Result<void> wait_for_pool(std::chrono::milliseconds limit,
                             const std::string& technology = "container");
  // A value of the pool's (GET /metrics?only=pool), by its name behind `vireo_pool_`.
  Result<double> pool_value(const std::string& name, const std::string& technology);
  // Errc::unsupported says why this host or this daemon cannot run it.
  Result<void> expect_possible(const std::string& technology);

  const std::string& directory() const { return directory_.path(); }
  HttpClient& client() { return client_; }
  std::string socket() const { return directory_.path() + "/vireod.sock"; }
  int daemon_pid() const { return daemon_.pid(); }
  std::vector<int> keepers() const;
  std::vector<int> pids() const;  // of the daemon and its keepers

 private:
  Lab(TemporaryDirectory directory, ChildProcess daemon, unsigned pool);
  static std::string socket_path(const std::string& folder) { return folder + "/vireod.sock"; }

  TemporaryDirectory directory_;
  ChildProcess daemon_;
  HttpClient client_;
  unsigned pool_;
};

// The interface of this namespace that has the address.
Result<std::string> interface_with(const IpAddress& address);

}  // namespace vireo::bench
