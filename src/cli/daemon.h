// SPDX-License-Identifier: Apache-2.0
// The daemon as the verbs see it: requests that give JSON, problems that become errors for people.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/arguments.h"
#include "host/http_client.h"

namespace vireo {

// A message that ends with a line end is whole as it is (findings with their place) and is printed
// without `vireo: ` in front.
class Daemon {
 public:
  explicit Daemon(std::string socket) : socket_(std::move(socket)), client_(socket_) {}

  Result<Json> get(std::string_view target) { return call("GET", target, {}); }
  Result<Json> call(std::string_view method, std::string_view target, std::string_view body);
  Result<Json> upload(std::string_view target, const Fd& archive, uint64_t size,
                      const std::function<bool(uint64_t)>& progress);
  Result<void> stream(std::string_view target, const std::function<bool(std::string_view)>& piece);
  Result<Fd> upgrade(std::string_view target, std::string_view protocol, std::string_view body,
                     std::string& received);
  const std::string& socket() const { return socket_; }

 private:
  Result<Json> read(Result<HttpAnswer> answer);
  Error explain(Error error) const;  // a daemon that does not answer

  std::string socket_;
  HttpClient client_;
};

// The error that a problem document describes.
Error error_of(const Json& problem, unsigned status);

// Names that a user shortened: the only one that starts with `prefix`, or that is it.
Result<std::string> unique_name(const std::string& prefix, const std::vector<std::string>& names,
                                std::string_view what);

struct Target {
  std::string service, function;  // function empty: the service as a whole
  std::string port{};             // of the function
  std::string path() const;       // "/v1/services/S" or "/v1/services/S/functions/F"
};
// SERVICE, SERVICE/FUNCTION or SERVICE/FUNCTION.N.
Result<Target> find_target(Daemon& daemon, const std::string& text);
// ... or SERVICE/FUNCTION:PORT.
Result<Target> find_port(Daemon& daemon, const std::string& text);
Result<std::vector<std::string>> service_names(Daemon& daemon);

}  // namespace vireo
