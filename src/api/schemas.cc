// SPDX-License-Identifier: Apache-2.0
#include "api/schemas.h"

#include "base/text.h"

namespace vireo {
namespace {

// "name:string id:integer tags:[string] parent:Service" -> an object schema. A capital letter
// refers to another schema.
Json type_schema(std::string_view type) {
  if (type.starts_with('['))
    return Json().set("type", "array").set("items", type_schema(type.substr(1, type.size() - 2)));
  if (type.ends_with('?')) {
    Json schema = type_schema(type.substr(0, type.size() - 1));
    // What stands beside a reference is ignored (OpenAPI 3.0.3, Reference Object).
    if (schema.has("$ref")) schema = Json().set("allOf", Json::array().push(schema));
    return schema.set("nullable", true);
  }
  if (type[0] >= 'A' && type[0] <= 'Z')
    return Json().set("$ref", "#/components/schemas/" + std::string(type));
  return Json().set("type", type);
}

Json object_schema(std::string_view members) {
  Json properties = Json::object();
  for (std::string_view member : split(members, ' ')) {
    size_t colon = member.find(':');
    properties.set(std::string(member.substr(0, colon)), type_schema(member.substr(colon + 1)));
  }
  return Json().set("type", "object").set("properties", properties);
}

struct Component {
  const char* name;
  const char* members;
};

constexpr Component components[] = {
    {"Health", "status:string"},
    {"Version", "version:string api:string"},
    {"Problem",
     "type:string title:string status:integer detail:string findings:[Finding] operation:string"},
    {"Finding", "line:integer column:integer length:integer message:string fix:string text:string"},
    {"Submission", "descriptor:string file:string files:object"},
    {"Change",
     "action:string kind:string name:string summary:string old:string new:string gap:string"},
    {"Plan", "service:string changes:[Change] counts:object findings:[Finding] text:string"},
    {"Phase", "name:string note:string ms:number"},
    {"Handover", "gap_ms:number lost_packets:integer?"},
    {"Step", "id:string subject:string duration_ms:number phases:[Phase] handover:Handover?"},
    {"Operation",
     "id:string verb:string service:string state:string started:string changed:string "
     "duration_ms:number steps:[Step] error:object?"},
    {"Port",
     "name:string id:string link:string kind:string mac:string addresses:[string] "
     "gateways:[string] rx_packets:integer rx_bytes:integer rx_dropped:integer "
     "tx_packets:integer tx_bytes:integer tx_dropped:integer"},
    {"Function",
     "function:string instance:string technology:string state:string health:string "
     "reason:string up_seconds:number? cpu_percent:number memory_bytes:integer "
     "pids:integer "
     "packets_per_second:number restarts:integer healed_ms:number? image:string "
     "image_digest:string tier:string phases:[Phase] ports:[Port] flows:integer counters:object"},
    {"Link", "name:string subnets:[string] host:[string] uplink:string?"},
    {"Service", "name:string state:string functions:[Function] links:[Link] chain:[string]"},
    {"ServiceSummary", "name:string state:string functions:integer links:integer"},
    {"Technology",
     "name:string possible:boolean how:string needs:[string] missing:[string] advice:[string]"},
    {"Limit", "name:string value:integer advised:integer enough:boolean setting:string"},
    {"Host", "technologies:[Technology] limits:[Limit] facts:object"},
    {"Exec", "arguments:[string] terminal:boolean rows:integer columns:integer"},
    {"LogLine", "time:string stream:string text:string"},
    {"Event",
     "id:integer time:string kind:string service:string function:string operation:string "
     "message:string values:object"},
    {"Image",
     "reference:string digest:string size:integer unpacked_size:integer layers:integer "
     "created:string entry_point:[string] command:[string] environment:[string] user:string "
     "working_directory:string stop_signal:string volumes:[string] exposed_ports:[string] "
     "labels:object function:object?"},
    {"ImageBuild", "functions:[string]"},
};

}  // namespace

Json component_schemas() {
  Json schemas = Json::object();
  for (const Component& component : components)
    schemas.set(component.name, object_schema(component.members));
  for (const char* name : {"Service", "Function", "Operation", "Image"}) {
    const char* item = std::string_view(name) == "Service" ? "ServiceSummary" : name;
    schemas.set(std::string(name) + "List",
                Json().set("type", "array").set("items", type_schema(item)));
  }
  return schemas;
}

}  // namespace vireo
