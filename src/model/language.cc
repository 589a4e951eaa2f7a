// SPDX-License-Identifier: Apache-2.0
#include "model/language.h"

#include <array>

#include "model/technology.h"

namespace vireo {
namespace {

using Word = std::string_view;
constexpr unsigned text_only = kind_bit(YamlKind::text);
constexpr unsigned integer_only = kind_bit(YamlKind::integer);
constexpr unsigned any_number = integer_only | kind_bit(YamlKind::number);
constexpr unsigned any_scalar = text_only | any_number | kind_bit(YamlKind::boolean);

// Scalars.
const Shape version{.what = "1", .kinds = integer_only, .minimum = 1, .maximum = 1};
const Shape name{.what = "a name", .grammar = &name_grammar};
const Shape image{.what = "the name of an image", .grammar = &image_grammar};
constexpr auto technology_words = [] {
  std::array<Word, technologies.size() + 1> words{"auto"};
  for (size_t i = 0; i < technologies.size(); i++) words[i + 1] = technologies[i].name;
  return words;
}();
const Shape technology{
    .what = "a technology", .grammar = &technology_grammar, .choices = technology_words};
const Shape content{.what = "text", .grammar = &any_grammar};
const Shape argument{.what = "text", .kinds = any_scalar, .grammar = &any_grammar};
const Shape boolean{.what = "true or false", .kinds = kind_bit(YamlKind::boolean)};
const Shape cpus{
    .what = "a number of processors", .kinds = any_number, .minimum = 0.01, .maximum = 4096};
const Shape memory{.what = "an amount of memory like `64MiB`",
                   .kinds = text_only | integer_only,
                   .grammar = &memory_grammar};
const Shape pids{
    .what = "a number of processes", .kinds = integer_only, .minimum = 1, .maximum = 4194304};
const Shape port_number{
    .what = "a port number", .kinds = integer_only, .minimum = 1, .maximum = 65535};
const Shape retries{.what = "a count", .kinds = integer_only, .minimum = 1, .maximum = 100};
const Shape duration{.what = "a duration like `500ms`", .grammar = &duration_grammar};
const Shape url_path{.what = "a path like `/health`", .grammar = &url_path_grammar};
const Shape local_file{.what = "the name of a file", .grammar = &local_file_grammar};
const Shape mode{.what = "a file mode like `\"0644\"`", .grammar = &mode_grammar};
const Shape subnet{.what = "a subnet like `10.20.0.0/24`", .grammar = &subnet_grammar};
const Shape address{.what = "an IP address", .grammar = &address_grammar};
const Shape mac{.what = "a MAC address", .grammar = &mac_grammar};
const Shape interface { .what = "an interface of the host", .grammar = &interface_grammar };
constexpr Word restart_words[] = {"always", "on-failure", "never"};
const Shape restart{.what = "`always`, `on-failure` or `never`", .choices = restart_words};

// Lists, and values that may be one or several.
const Shape arguments{
    .form = Form::list, .what = "a list of arguments", .item = &argument, .fewest = 1};
const Shape technology_list{
    .form = Form::list, .what = "a list of technologies", .item = &technology, .fewest = 1};
constexpr const Shape* technology_forms[] = {&technology, &technology_list};
const Shape one_or_more_technologies{.form = Form::either,
                                     .what = "a technology or a list of them",
                                     .alternatives = technology_forms};
const Shape subnet_list{
    .form = Form::list, .what = "a list of subnets", .item = &subnet, .fewest = 1};
constexpr const Shape* subnet_forms[] = {&subnet, &subnet_list};
const Shape subnets{
    .form = Form::either, .what = "a subnet or a list of them", .alternatives = subnet_forms};
const Shape address_list{
    .form = Form::list, .what = "a list of addresses", .item = &address, .fewest = 1};
constexpr const Shape* address_forms[] = {&address, &address_list};
const Shape addresses{
    .form = Form::either, .what = "an address or a list of them", .alternatives = address_forms};
const Shape environment{.form = Form::map,
                        .what = "a map of variables",
                        .item = &argument,
                        .names = &variable_grammar,
                        .noun = "variable"};
const Shape config{.form = Form::object, .what = "a map of settings"};

// Sections.
constexpr Key file_keys[] = {{"from", &local_file, "a file beside the descriptor"},
                             {"content", &content, "the text itself"},
                             {"mode", &mode, "rights in octal digits, 0644 when absent"}};
constexpr Word file_sources[] = {"from", "content"};
const Shape file_section{
    .form = Form::section, .what = "a file", .keys = file_keys, .one_of = file_sources};
constexpr const Shape* file_forms[] = {&content, &file_section};
const Shape file{.form = Form::either,
                 .what = "text, `{ from: FILE }` or `{ content: TEXT }`",
                 .alternatives = file_forms};
const Shape files{.form = Form::map,
                  .what = "a map of paths in the instance",
                  .item = &file,
                  .names = &path_grammar,
                  .noun = "file"};

constexpr Key resource_keys[] = {{"cpus", &cpus, "share of processors, 0.5 is half of one"},
                                 {"memory", &memory, "hard limit of memory"},
                                 {"pids", &pids, "most processes and threads"},
                                 {"poll", &duration,
                                  "how long a libvnf function polls for packets before it sleeps; "
                                  "for low latency, with a processor in `cpus` for itself, a "
                                  "unikernel with two"}};
const Shape resources{.form = Form::section, .what = "a map of limits", .keys = resource_keys};

constexpr Key health_keys[] = {
    {"tcp", &port_number, "healthy while a connection to this port is accepted"},
    {"http", &url_path, "healthy while GET of this path answers 2xx or 3xx"},
    {"exec", &arguments, "healthy while this command in the instance ends with 0"},
    {"port", &port_number, "of `http`, 80 when absent", false, "http"},
    {"interval", &duration, "time between checks, 1s when absent"},
    {"timeout", &duration, "time for one check, 1s when absent"},
    {"retries", &retries, "failures in a row that mean unhealthy, 3 when absent"}};
constexpr Word health_kinds[] = {"tcp", "http", "exec"};
const Shape health{.form = Form::section,
                   .what = "a check: `tcp: PORT`, `http: PATH` or `exec: [...]`",
                   .keys = health_keys,
                   .one_of = health_kinds};

constexpr Key port_keys[] = {
    {"link", &name, "the link that it joins", true},
    {"address", &addresses, "allocated when absent"},
    {"mac", &mac, "allocated when absent"},
    {"broadcast", &boolean,
     "takes part in broadcast and multicast (DHCP, VRRP), and may use addresses beside its own"}};
const Shape port_section{.form = Form::section, .what = "a port", .keys = port_keys};
constexpr const Shape* port_forms[] = {&name, &port_section};
const Shape port{
    .form = Form::either, .what = "a link or `{ link: LINK, ... }`", .alternatives = port_forms};
const Shape ports{.form = Form::list, .what = "a list of ports", .item = &port};

constexpr Key function_keys[] = {
    {"image", &image, "what runs; `vireo image ls` lists those at hand", true},
    {"technology", &one_or_more_technologies,
     "a word or an order of preference; `auto` lets Vireo choose"},
    {"command", &arguments, "replaces the image's entry point and arguments"},
    {"environment", &environment, "variables on top of the image's"},
    {"files", &files, "files put into the instance, read-only"},
    {"resources", &resources, "limits"},
    {"config", &config, "configuration of a function of Vireo's own library"},
    {"health", &health, "how to tell that it works"},
    {"restart", &restart, "what happens when it ends, `always` when absent"},
    {"ports", &ports, "of a function outside the chain, in the order of its interfaces"},
    {"scale", nullptr, ""}};
const Shape function_shape{.form = Form::section, .what = "a function", .keys = function_keys};
const Shape functions{.form = Form::map,
                      .what = "a map of functions",
                      .item = &function_shape,
                      .names = &name_grammar,
                      .noun = "function"};

constexpr Key uplink_keys[] = {
    {"interface", &interface, "the interface of the host that joins the link", true},
    {"take", &boolean, "even if it has addresses or carries the default route"}};
const Shape uplink_section{.form = Form::section, .what = "an uplink", .keys = uplink_keys};
constexpr const Shape* uplink_forms[] = {&interface, &uplink_section};
const Shape uplink{.form = Form::either,
                   .what = "an interface or `{ interface: NAME, take: true }`",
                   .alternatives = uplink_forms};

constexpr Key link_keys[] = {{"subnet", &subnets, "its networks, IPv4 and IPv6"},
                             {"host", &addresses, "gives the host these addresses on the link"},
                             {"uplink", &uplink, "joins an interface of the host"}};
const Shape link_shape{
    .form = Form::section, .what = "a link", .keys = link_keys, .may_be_empty = true};
const Shape links{.form = Form::map,
                  .what = "a map of links",
                  .item = &link_shape,
                  .names = &name_grammar,
                  .noun = "link"};
const Shape chain{.form = Form::list, .what = "a list of links and functions", .item = &name};

constexpr Key service_keys[] = {
    {"vireo", &version, "version of this language", true},
    {"service", &name, "name of the service", true},
    {"functions", &functions, "network functions by name"},
    {"links", &links, "virtual links by name"},
    {"chain", &chain, "links and two-port functions in the order of packets"},
    {"sla", nullptr, ""},
    {"tenant", nullptr, ""}};

const Key* key_of(std::span<const Key> keys, std::string_view wanted) {
  for (const Key& key : keys)
    if (key.name == wanted && key.shape != nullptr) return &key;
  return nullptr;
}

constexpr std::span<const Key> named_tables[] = {service_keys, function_keys, link_keys};

}  // namespace

const Shape service_shape{
    .form = Form::section, .what = "a map: `vireo: 1`, `service: NAME`, ...", .keys = service_keys};

const Shape* find_section(std::string_view wanted) {
  for (std::span<const Key> table : named_tables)
    if (const Key* key = key_of(table, wanted)) return key->shape;
  return nullptr;
}

std::vector<std::string> section_names() {
  std::vector<std::string> names;
  for (std::span<const Key> table : named_tables)
    for (const Key& key : table)
      if (key.shape != nullptr) names.emplace_back(key.name);
  return names;
}

}  // namespace vireo
