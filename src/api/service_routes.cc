// SPDX-License-Identifier: Apache-2.0
// Routes that change services, and the operations they answer with.
#include <fmt/format.h>

#include <algorithm>

#include "api/api.h"
#include "api/views.h"
#include "base/text.h"

namespace vireo {
namespace {

constexpr uint64_t longest_wait_seconds = 600;

bool ended(const Operation& operation) {
  return operation.state != OperationState::starting &&
         operation.state != OperationState::processing &&
         operation.state != OperationState::rolling_back;
}

Response findings_response(const Plan& plan, const Submission& submission) {
  Json findings = Json::array();
  for (const Finding& finding : plan.findings) findings.push(to_json(finding, submission));
  Json problem;
  problem.set("type", "about:blank").set("title", "the descriptor cannot be run");
  problem.set("status", 422).set("detail", fmt::format("{} finding(s)", plan.findings.size()));
  problem.set("findings", findings);
  return {422, "application/problem+json", problem.dump() + "\n", {}};
}

Response operation_response(const Operation& operation) {
  Response response = json_response(to_json(operation), ended(operation) ? 200 : 202);
  response.headers.emplace_back("Location", "/v1/operations/" + operation.id);
  return response;
}

}  // namespace

void Api::plan(const ExchangePtr& exchange) {
  auto submission = submission_from_json(exchange->request().body);
  if (!submission) return exchange->reply(problem_response(submission.error()));
  exchange->reply(json_response(to_json(parts_.control.plan(*submission), *submission)));
}

void Api::run_service(const ExchangePtr& exchange) {
  auto submission = submission_from_json(exchange->request().body);
  if (!submission) return exchange->reply(problem_response(submission.error()));
  auto accepted = parts_.control.run(*submission);
  if (!accepted) return exchange->reply(problem_response(accepted.error()));
  if (accepted->operation.empty())
    return exchange->reply(findings_response(accepted->plan, *submission));
  parts_.scheduler.drive();
  answer_operation(exchange, accepted->operation);
}

void Api::remove_service(const ExchangePtr& exchange) {
  auto operation = parts_.control.remove(exchange->request().params.at("service"));
  if (!operation) return exchange->reply(problem_response(operation.error()));
  parts_.scheduler.drive();
  answer_operation(exchange, *operation);
}

namespace {

constexpr std::pair<std::string_view, Control::Verb> changes[] = {
    {"stop", Control::Verb::stop},
    {"start", Control::Verb::start},
    {"restart", Control::Verb::restart},
    {"pause", Control::Verb::pause},
    {"resume", Control::Verb::resume}};

}  // namespace

void Api::change(const ExchangePtr& exchange) {
  const auto& params = exchange->request().params;
  const std::string& verb = params.at("verb");
  auto function = params.find("function");
  const auto change = std::ranges::find(changes, verb, [](const auto& one) { return one.first; });
  if (change == std::end(changes))
    return exchange->reply(problem_response(
        {Errc::not_found,
         fmt::format("`{}` is none of stop, start, restart, pause, resume", verb)}));
  auto operation = parts_.control.change(
      params.at("service"), function == params.end() ? "" : function->second, change->second);
  if (!operation) return exchange->reply(problem_response(operation.error()));
  parts_.scheduler.drive();
  answer_operation(exchange, *operation);
}

Result<Operation> Api::find_operation(const std::string& id) {
  if (const Operation* job = jobs_.find(id)) return *job;
  return parts_.control.operation(id);
}

void Api::answer_operation(const ExchangePtr& exchange, const std::string& id) {
  auto operation = find_operation(id);
  if (!operation) return exchange->reply(problem_response(operation.error()));
  const auto& query = exchange->request().query;
  auto wait = query.find("wait");
  if (wait == query.end() || ended(*operation))
    return exchange->reply(operation_response(*operation));
  auto seconds = parse_number(wait->second);
  if (!seconds) return exchange->reply(problem_response(std::move(seconds).error().within("wait")));
  auto waiter = std::make_shared<Waiter>(Waiter{id, exchange});
  waiters_.push_back(waiter);
  auto give_up = [this, waiter] {
    if (std::erase(waiters_, waiter) == 0) return;
    auto now = find_operation(waiter->operation);
    waiter->exchange->reply(now ? operation_response(*now) : problem_response(now.error()));
  };
  parts_.scheduler.after(std::chrono::seconds(std::min(*seconds, longest_wait_seconds)), give_up);
}

void Api::wake_waiters(const Operation& operation) {
  if (!ended(operation)) return;
  auto of_others = [&](const auto& waiter) { return waiter->operation != operation.id; };
  auto mine = std::partition(waiters_.begin(), waiters_.end(), of_others);
  std::vector<std::shared_ptr<Waiter>> woken(mine, waiters_.end());
  waiters_.erase(mine, waiters_.end());
  for (const auto& waiter : woken) waiter->exchange->reply(operation_response(operation));
}

void Api::list_operations(const ExchangePtr& exchange) {
  const auto& query = exchange->request().query;
  auto service = query.find("service");
  Json list = Json::array();
  for (const Operation& operation :
       parts_.control.operations(service == query.end() ? "" : service->second))
    list.push(to_json(operation));
  exchange->reply(json_response(list));
}

void Api::get_operation(const ExchangePtr& exchange) {
  answer_operation(exchange, exchange->request().params.at("operation"));
}

}  // namespace vireo
