// SPDX-License-Identifier: Apache-2.0
#include "fabric/host_interface.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/json.h"
#include "host/files.h"

namespace vireo {
namespace {

Json json_of_route(const Route& route) {
  Json json = Json::object();
  if (route.destination) json.set("destination", to_string(*route.destination));
  if (route.gateway) json.set("gateway", to_string(*route.gateway));
  if (route.source) json.set("source", to_string(*route.source));
  json.set("v6", route.v6).set("metric", route.metric).set("table", route.table);
  json.set("protocol", route.protocol).set("scope", route.scope);
  return json;
}

Result<Route> route_of(const Json& json) {
  Route route;
  if (json.has("destination")) route.destination = TRY(parse_prefix(json["destination"].text()));
  if (json.has("gateway")) route.gateway = TRY(parse_ip(json["gateway"].text()));
  if (json.has("source")) route.source = TRY(parse_ip(json["source"].text()));
  route.v6 = json["v6"].boolean();
  route.metric = static_cast<unsigned>(json["metric"].integer());
  route.table = static_cast<unsigned>(json["table"].integer());
  route.protocol = static_cast<unsigned>(json["protocol"].integer());
  route.scope = static_cast<unsigned>(json["scope"].integer());
  return route;
}

bool carries_default(const HostInterface& interface) {
  return std::ranges::any_of(interface.routes, [](const Route& r) { return !r.destination; });
}

}  // namespace

Result<HostInterface> describe_interface(Netlink& host, const LinkRow& row) {
  HostInterface found{row.name, row.alias, row.up, row.promiscuous, row.mtu, row.group, {}, {}};
  found.addresses = TRY(host.addresses(row.index));
  found.routes = TRY(host.routes(row.index));
  // Routes to networks first: the gateway of another must be reachable when that is added.
  std::ranges::stable_sort(found.routes, {}, [](const Route& r) { return r.gateway.has_value(); });
  return found;
}

Result<void> check_may_take(const LinkRow& row, const HostInterface& interface, bool take) {
  if (row.loopback)
    return Error{Errc::invalid,
                 fmt::format("{} is the loopback: it cannot be an uplink", row.name)};
  if (row.master != 0)
    return Error{Errc::conflict,
                 fmt::format("{} is part of a bridge or bond of the host: name that as the uplink",
                             row.name)};
  if (take) return {};
  if (carries_default(interface))
    return Error{Errc::conflict,
                 fmt::format("{} carries the host's default route; `take: true` takes it all the "
                             "same and gives it back with the link's end",
                             row.name)};
  if (!interface.addresses.empty())
    return Error{Errc::conflict,
                 fmt::format("{} carries the address {}; `take: true` takes it all the same and "
                             "gives it back with the link's end",
                             row.name, to_string(interface.addresses.front()))};
  return {};
}

std::string saved_path(const std::string& directory, const std::string& link) {
  std::string name = link;
  std::ranges::replace(name, '/', '%');
  return fmt::format("{}/uplink-{}.json", directory, name);
}

Result<void> save_interface(const std::string& path, const HostInterface& interface) {
  Json json = Json::object();
  json.set("name", interface.name).set("alias", interface.alias).set("up", interface.up);
  json.set("promiscuous", interface.promiscuous);
  json.set("mtu", interface.mtu).set("group", interface.group);
  Json addresses = Json::array();
  for (const IpPrefix& address : interface.addresses) addresses.push(to_string(address));
  Json routes = Json::array();
  for (const Route& route : interface.routes) routes.push(json_of_route(route));
  json.set("addresses", std::move(addresses)).set("routes", std::move(routes));
  return replace_file(path, json.dump(2), 0600);
}

Result<HostInterface> load_interface(const std::string& path) {
  const std::string text = TRY(read_file(path));
  const Json json = TRY_IN("read " + path, parse_json(text));
  HostInterface found;
  found.name = json["name"].text();
  found.alias = json["alias"].text();
  found.up = json["up"].boolean();
  found.promiscuous = json.has("promiscuous") && json["promiscuous"].boolean();
  found.mtu = static_cast<unsigned>(json["mtu"].integer());
  found.group = static_cast<unsigned>(json["group"].integer());
  for (const Json& address : json["addresses"].items())
    found.addresses.push_back(TRY(parse_prefix(address.text())));
  for (const Json& route : json["routes"].items()) found.routes.push_back(TRY(route_of(route)));
  return found;
}

Result<void> restore_interface(Netlink& host, const HostInterface& interface) {
  const LinkRow row = TRY(host.link(interface.name));
  NetlinkBatch batch;
  batch.change_link({.index = row.index,
                     .up = interface.up,
                     .promiscuous = interface.promiscuous,
                     .mtu = interface.mtu,
                     .group = interface.group,
                     .alias = interface.alias});
  for (const IpPrefix& address : interface.addresses) batch.add_address(row.index, address);
  for (Route route : interface.routes) {
    route.index = row.index;
    batch.add_route(route);
  }
  return host.commit(batch);
}

}  // namespace vireo
