// SPDX-License-Identifier: Apache-2.0
#include "driver/vmm/vmm_record.h"

#include "base/json.h"

namespace vireo {

std::string to_text(const VmmRecord& record) {
  Json json;
  json.set("driver", "vmm").set("id", record.id).set("technology", record.technology);
  json.set("image", record.image_digest).set("range", record.range.number);
  json.set("range_block", record.range.block).set("killed", record.killed);
  return json.dump();
}

Result<VmmRecord> vmm_record_from_text(std::string_view text) {
  Json json = TRY(parse_json(text));
  if (json["driver"].text() != "vmm" || !json["id"].is_string())
    return Error{Errc::not_found, "not an entry of the VMM driver"};
  VmmRecord record;
  record.id = json["id"].text();
  record.technology = json["technology"].text();
  record.image_digest = json["image"].text();
  record.range.number = static_cast<unsigned>(json["range"].integer());
  record.range.block = static_cast<unsigned>(json["range_block"].integer());
  record.killed = json["killed"].boolean();
  return record;
}

}  // namespace vireo
