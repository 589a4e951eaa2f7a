// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "api/api.h"
#include "api/exec_session.h"

namespace vireo {

void Api::exec(const ExchangePtr& exchange) {
  const Request& request = exchange->request();
  auto body = parse_json(request.body);
  if (!body) return exchange->reply(problem_response(body.error()));
  Executor::Request wanted;
  wanted.arguments = strings_of((*body)["arguments"]);
  wanted.terminal = (*body)["terminal"].boolean();
  wanted.rows = static_cast<unsigned>((*body)["rows"].integer(24));
  wanted.columns = static_cast<unsigned>((*body)["columns"].integer(80));
  if (wanted.arguments.empty())
    return exchange->reply(problem_response({Errc::invalid, "`arguments`, a command, is missing"}));
  auto found =
      parts_.control.find_instance(request.params.at("service"), request.params.at("function"));
  if (!found) return exchange->reply(problem_response(found.error()));
  Executor* executor = found->first->executor();
  if (executor == nullptr)
    return exchange->reply(problem_response(
        {Errc::unsupported,
         fmt::format("{} cannot run a process inside an instance", found->first->info().name)}));
  auto session = executor->exec(found->second, wanted);
  if (!session) return exchange->reply(problem_response(session.error()));
  auto connection = exchange->upgrade("vireo-exec");
  if (!connection) return;  // the client has gone: closing the session's descriptors ends it
  std::make_shared<ExecSession>(parts_.scheduler, *executor, std::move(*session),
                                std::move(*connection))
      ->start();
}

}  // namespace vireo
