// SPDX-License-Identifier: Apache-2.0
#include "api/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "api/exchange.h"
#include "base/base64.h"
#include "base/text.h"

namespace vireo {
namespace {

double milliseconds(std::chrono::nanoseconds duration) {
  return std::round(static_cast<double>(duration.count()) / 1e3) / 1e3;
}

Json phases_json(const std::vector<Phase>& phases) {
  Json list = Json::array();
  for (const Phase& phase : phases)
    list.push(Json()
                  .set("name", phase.name)
                  .set("note", phase.note)
                  .set("ms", milliseconds(phase.duration)));
  return list;
}

template <class T>
Json texts(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push(to_string(value));
  return list;
}

std::string_view kind_text(PortKind kind) {
  switch (kind) {
    case PortKind::tap:
      return "tap";
    case PortKind::packet:
      return "packet";
    case PortKind::veth:
      return "veth";
  }
  return "?";
}

Json port_json(const PortSpec& port, const std::vector<PortCounters>& counters) {
  Json json;
  json.set("name", port.name)
      .set("id", port.id)
      .set("link", port.link)
      .set("kind", kind_text(port.kind))
      .set("mac", to_string(port.mac))
      .set("addresses", texts(port.addresses))
      .set("gateways", texts(port.gateways));
  for (const PortCounters& c : counters) {
    if (c.id != port.id) continue;
    json.set("rx_packets", c.rx_packets).set("rx_bytes", c.rx_bytes);
    json.set("rx_dropped", c.rx_dropped).set("tx_packets", c.tx_packets);
    json.set("tx_bytes", c.tx_bytes).set("tx_dropped", c.tx_dropped);
  }
  return json;
}

std::string_view action_text(PlanChange::Action action) {
  static constexpr std::array<std::string_view, 4> names{"create", "change", "replace", "remove"};
  return names.at(static_cast<size_t>(action));
}

Json change_json(const PlanChange& change) {
  return Json()
      .set("action", action_text(change.action))
      .set("kind", change.kind)
      .set("name", change.name)
      .set("summary", change.summary)
      .set("old", change.old_value)
      .set("new", change.new_value)
      .set("gap", change.gap);
}

Json handover_json(const std::optional<Handover>& handover) {
  if (!handover) return {};
  return Json()
      .set("gap_ms", milliseconds(handover->gap))
      .set("lost_packets", handover->lost ? Json(*handover->lost) : Json());
}

}  // namespace

Json to_json(const Operation& operation) {
  Json steps = Json::array();
  for (const OperationStep& step : operation.steps)
    steps.push(Json()
                   .set("id", step.id)
                   .set("subject", step.subject)
                   .set("duration_ms", milliseconds(step.duration))
                   .set("phases", phases_json(step.phases))
                   .set("handover", handover_json(step.handover)));
  Json error;
  if (operation.error)
    error.set("type", "about:blank")
        .set("title", to_string(operation.error->code))
        .set("status", status_of(operation.error->code))
        .set("detail", operation.error->message);
  return Json()
      .set("id", operation.id)
      .set("verb", operation.verb)
      .set("service", operation.service)
      .set("state", to_string(operation.state))
      .set("started", timestamp(operation.started))
      .set("changed", timestamp(operation.changed))
      .set("duration_ms", milliseconds(operation.duration))
      .set("steps", steps)
      .set("error", error);
}

Json to_json(const Finding& finding, const Submission& submission) {
  return Json()
      .set("line", finding.place.line)
      .set("column", finding.place.column)
      .set("length", finding.length)
      .set("message", finding.message)
      .set("fix", finding.fix)
      .set("text", finding_text(finding, submission.file, submission.descriptor));
}

Json to_json(const Plan& plan, const Submission& submission) {
  Json changes = Json::array();
  std::array<int, 4> counts{};
  for (const PlanChange& change : plan.changes) {
    changes.push(change_json(change));
    counts.at(static_cast<size_t>(change.action))++;
  }
  Json findings = Json::array();
  for (const Finding& finding : plan.findings) findings.push(to_json(finding, submission));
  return Json()
      .set("service", plan.service)
      .set("changes", changes)
      .set("counts", Json()
                         .set("create", counts[0])
                         .set("change", counts[1] + counts[2])
                         .set("remove", counts[3]))
      .set("findings", findings)
      .set("text", plan.text);
}

Json to_json(const FunctionStatus& function, WallTime now) {
  Json counters = Json::object();
  for (const auto& [name, value] : function.counters) counters.set(name, value);
  Json ports = Json::array();
  for (const PortSpec& port : function.ports) ports.push(port_json(port, function.port_counters));
  double up = 0;
  if (function.started) up = std::chrono::duration<double>(now - *function.started).count();
  Json json;
  json.set("function", fmt::format("{}/{}", function.service, function.function));
  json.set("instance", function.instance).set("technology", function.technology);
  json.set("state", function.state).set("health", function.health).set("reason", function.reason);
  json.set("up_seconds", function.started ? Json(std::max(up, 0.0)) : Json());
  json.set("cpu_percent", function.cpu_percent).set("memory_bytes", function.usage.memory);
  json.set("pids", function.usage.pids);
  json.set("pid", function.pid == 0 ? Json() : Json(function.pid));
  json.set("packets_per_second", function.packets_per_second);
  json.set("restarts", function.restarts);
  json.set("healed_ms", function.healed_in ? Json(milliseconds(*function.healed_in)) : Json());
  json.set("image", function.image).set("image_digest", function.image_digest);
  json.set("tier", function.tier).set("phases", phases_json(function.phases));
  json.set("ports", ports).set("flows", function.flows).set("counters", counters);
  return json;
}

Json summary_of(const ServiceStatus& service) {
  return Json()
      .set("name", service.name)
      .set("state", service.state)
      .set("functions", service.functions.size())
      .set("links", service.links.size());
}

Json to_json(const ServiceStatus& service) {
  Json functions = Json::array();
  for (const FunctionStatus& function : service.functions)
    functions.push(to_json(function, std::chrono::system_clock::now()));
  Json links = Json::array();
  for (const LinkSpec& link : service.links)
    links.push(Json()
                   .set("name", link.name)
                   .set("subnets", texts(link.subnets))
                   .set("host", texts(link.host_addresses))
                   .set("uplink", link.uplink ? Json(link.uplink->interface) : Json()));
  return Json()
      .set("name", service.name)
      .set("state", service.state)
      .set("functions", functions)
      .set("links", links)
      .set("chain", json_of(service.chain));
}

Json to_json(const Event& event) {
  Json values = Json::object();
  for (const auto& [name, value] : event.values) values.set(name, value);
  return Json()
      .set("id", event.id)
      .set("time", timestamp(event.time))
      .set("kind", event.kind)
      .set("service", event.service)
      .set("function", event.function)
      .set("operation", event.operation)
      .set("message", event.message)
      .set("values", values);
}

Json to_json(const Image& image) {
  Json labels = Json::object();
  for (const auto& [name, value] : image.labels) labels.set(name, value);
  Json function;
  if (image.function) function = parse_json(to_json(*image.function)).value_or(Json());
  return Json()
      .set("reference", image.reference)
      .set("digest", image.digest)
      .set("size", image.size)
      .set("unpacked_size", image.unpacked_size)
      .set("layers", image.layers.size())
      .set("created", timestamp(image.created))
      .set("entry_point", json_of(image.entry_point))
      .set("command", json_of(image.command))
      .set("environment", json_of(image.environment))
      .set("user", image.user)
      .set("working_directory", image.working_directory)
      .set("stop_signal", image.stop_signal)
      .set("volumes", json_of(image.volumes))
      .set("exposed_ports", json_of(image.exposed_ports))
      .set("labels", labels)
      .set("function", function);
}

Result<Submission> submission_from_json(std::string_view body) {
  Json json = TRY_IN("request body", parse_json(body));
  if (!json["descriptor"].is_string())
    return Error{Errc::invalid, "request body: `descriptor`, the text, is missing"};
  Submission submission;
  submission.descriptor = json["descriptor"].text();
  submission.file = json["file"].text("descriptor");
  for (const auto& [name, content] : json["files"].members())
    submission.files[name] = TRY_IN("file " + name, from_base64(content.text()));
  return submission;
}

}  // namespace vireo
