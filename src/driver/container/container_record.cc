// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "driver/container/container.h"

namespace vireo {

std::string to_text(const ContainerRecord& record) {
  Json json;
  json.set("driver", "container").set("id", record.id).set("technology", record.technology);
  json.set("image", record.image_digest).set("range", record.range.number);
  json.set("range_block", record.range.block);
  json.set("stop_signal", record.stop_signal).set("function", record.function);
  json.set("killed", record.killed);
  return json.dump();
}

Result<ContainerRecord> record_from_text(std::string_view text) {
  Json json = TRY(parse_json(text));
  if (json["driver"].text() != "container" || !json["id"].is_string())
    return Error{Errc::not_found, "not an entry of the container driver"};
  ContainerRecord record;
  record.id = json["id"].text();
  record.technology = json["technology"].text();
  record.image_digest = json["image"].text();
  record.range.number = static_cast<unsigned>(json["range"].integer());
  record.range.block = static_cast<unsigned>(json["range_block"].integer());
  record.stop_signal = static_cast<int>(json["stop_signal"].integer(15));
  record.function = json["function"].boolean();
  record.killed = json["killed"].boolean();
  return record;
}

// In the order of HeldFd, which is the order of taking back.
std::vector<int> Container::not_held() const {
  std::vector<int> fds;
  if (held <= held_files) fds.push_back(files.get());
  if (held <= held_plan) fds.push_back(plan.get());
  if (vitals) fds.insert(fds.end(), {vitals.get(), agent->fd().get()});
  for (const PortEndpoint& port : ports)
    if (port.fd) fds.push_back(port.fd.get());
  return fds;
}

}  // namespace vireo
