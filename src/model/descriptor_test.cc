// SPDX-License-Identifier: Apache-2.0
#include "model/descriptor.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace vireo {
namespace {

Result<std::string> read_none(const std::string& name) {
  if (name == "nginx.conf") return std::string("events {}\n");
  return Error{Errc::not_found, fmt::format("cannot open {}: No such file or directory", name)};
}

ParsedDescriptor parse(const std::string& text) { return parse_descriptor(text, read_none); }

// All findings as "LINE:COLUMN MESSAGE | FIX", one a line.
std::string findings_of(const std::string& text) {
  std::string out;
  for (const Finding& finding : parse(text).findings)
    out += fmt::format("{}:{} {} | {}\n", finding.place.line, finding.place.column, finding.message,
                       finding.fix);
  return out;
}

const std::string head = "vireo: 1\nservice: s\n";

// The findings of `body` behind the two lines every descriptor starts with.
std::string of_body(const std::string& body) { return findings_of(head + body); }

constexpr const char* whole = R"(vireo: 1
service: branch-office
functions:
  fw:
    image: vireo/firewall
    technology: [unikernel.vireo.kvm, container]
    resources: { cpus: 0.5, memory: 8MiB, pids: 16 }
    config: { rules: [{ port: 81, action: reject }], strict: true, ratio: 1.5 }
  nat: { image: vireo/nat, technology: auto }
  web:
    image: demo/web
    command: [nginx, -g, "daemon off;", 7]
    environment: { LISTEN: 8080, DEBUG: true, NAME: "x" }
    files:
      /etc/nginx/nginx.conf: { from: nginx.conf, mode: "0600" }
      /etc/motd: hello
      /etc/issue: { content: "a\nb" }
    health: { http: /health, port: 8080, interval: 2s, timeout: 500ms, retries: 5 }
    restart: on-failure
    ports:
      - wan
      - { link: lan, address: [10.20.0.5, "fd00:20::5"], mac: "02:00:00:00:00:05", broadcast: true }
links:
  wan: { subnet: 10.10.0.0/24, uplink: { interface: eth1, take: true } }
  lan: { subnet: [10.20.0.0/24, "fd00:20::/64"], host: 10.20.0.1 }
  spare:
chain: [wan, fw, nat, lan]
)";

TEST(Descriptor, reads_the_whole_language) {
  ParsedDescriptor parsed = parse(whole);
  ASSERT_EQ(findings_of(whole), "");
  const ServiceSpec& service = parsed.service;
  EXPECT_EQ(service.name, "branch-office");
  ASSERT_EQ(service.functions.size(), 3u);
  const FunctionSpec& fw = service.functions[0];
  EXPECT_EQ(fw.technologies, (std::vector<std::string>{"unikernel.vireo.kvm", "container"}));
  EXPECT_EQ(fw.resources, (Resources{0.5, 8u << 20, 16}));
  EXPECT_EQ(fw.config_json,
            R"({"rules":[{"port":81,"action":"reject"}],"strict":true,"ratio":1.5})");
  EXPECT_EQ(fw.memory_place, (SourcePlace{7, 37}));
  EXPECT_TRUE(service.functions[1].technologies.empty());
  ASSERT_EQ(service.links.size(), 3u);
  EXPECT_EQ(service.links[0].uplink, (Uplink{"eth1", true}));
  EXPECT_EQ(to_string(service.links[1].subnets.at(1)), "fd00:20::/64");
  EXPECT_EQ(to_string(service.links[1].host_addresses.at(0)), "10.20.0.1");
  EXPECT_EQ(service.chain, (std::vector<std::string>{"wan", "fw", "nat", "lan"}));
  EXPECT_EQ(service.chain_places.at(1), (SourcePlace{27, 14}));
}

TEST(Descriptor, reads_all_of_a_function) {
  FunctionSpec web = parse(whole).service.functions.at(2);
  EXPECT_EQ(web.command, (std::vector<std::string>{"nginx", "-g", "daemon off;", "7"}));
  EXPECT_EQ(web.environment.at("LISTEN"), "8080");
  EXPECT_EQ(web.environment.at("DEBUG"), "true");
  EXPECT_EQ(web.files.at(0), (FileContent{"/etc/nginx/nginx.conf", "events {}\n", 0600}));
  EXPECT_EQ(web.files.at(1), (FileContent{"/etc/motd", "hello", 0644}));
  EXPECT_EQ(web.files.at(2).content, "a\nb");
  EXPECT_EQ(web.health->kind, HealthKind::http);
  EXPECT_EQ(web.health->port, 8080);
  EXPECT_EQ(web.health->timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(web.health->retries, 5u);
  EXPECT_EQ(web.restart, RestartPolicy::on_failure);
  ASSERT_EQ(web.ports.size(), 2u);
  EXPECT_EQ(web.ports[0].link, "wan");
  EXPECT_EQ(to_string(web.ports[1].addresses.at(1)), "fd00:20::5");
  EXPECT_EQ(to_string(*web.ports[1].mac), "02:00:00:00:00:05");
  EXPECT_TRUE(web.ports[1].broadcast);
}

TEST(Descriptor, a_finding_shows_line_mark_and_fix) {
  std::string text = head + "functions:\n  fw: { imag: a, image: b }\n";
  ParsedDescriptor parsed = parse(text);
  ASSERT_EQ(parsed.findings.size(), 1u);
  EXPECT_EQ(finding_text(parsed.findings[0], "x.yaml", text),
            "x.yaml:4:9: unknown key `imag` in function `fw`\n"
            "    4 |   fw: { imag: a, image: b }\n"
            "      |         ^^^^\n"
            "did you mean `image`?  `vireo schema functions` lists the keys.\n");
}

TEST(Descriptor, a_mark_counts_characters_and_long_lines_are_cut) {
  std::string text = "a: \"\xc3\xa4\xc3\xb6\" x\n";
  EXPECT_EQ(finding_text({{1, 9}, 1, "m", ""}, "f", text),
            "f:1:9: m\n    1 | a: \"\xc3\xa4\xc3\xb6\" x\n      |       ^\n");
  std::string wide = std::string(500, 'a') + "X" + std::string(500, 'b');
  std::string shown = finding_text({{1, 501}, 1, "m", ""}, "f", wide);
  EXPECT_LT(shown.size(), 320u);
  EXPECT_NE(shown.find("aXb"), std::string::npos);
}

TEST(Descriptor, terminal_codes_are_not_printed) {
  std::string text = "\"\x1b[31m\": 1\n";
  ParsedDescriptor parsed = parse(text);
  ASSERT_FALSE(parsed.findings.empty());
  EXPECT_EQ(finding_text(parsed.findings[0], "f", text).find('\x1b'), std::string::npos);
}

struct Case {
  const char* name;
  const char* body;
  const char* expected;
};

// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest looks for it
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

TEST(Descriptor, of_nothing_is_judged_at_its_start) {
  EXPECT_TRUE(findings_of("").starts_with("1:1 the descriptor must be a map"));
}

class Findings : public testing::TestWithParam<Case> {};

TEST_P(Findings, are_as_expected) { EXPECT_EQ(of_body(GetParam().body), GetParam().expected); }

const Case cases[] = {
    {"unknown_top_key", "link: {}\n",
     "3:1 unknown key `link` | did you mean `links`?  `vireo schema` lists the keys.\n"},
    {"duplicate_key", "links: { a: {}, a: {} }\n",
     "3:17 duplicate key `a` | it is first on line 3\n"},
    {"duplicate_key_in_config", "functions: { f: { image: i, config: { x: 1, x: 2 } } }\n",
     "3:45 duplicate key `x` in `config` of function `f` | it is first on line 3\n"},
    {"later_key", "functions: { f: { image: i, scale: { min: 1 } } }\n",
     "3:29 `scale` is not implemented in this version | take it out\n"},
    {"wrong_kind", "functions: [a]\n",
     "3:12 `functions` must be a map of functions, not a list | \n"},
    {"no_image", "functions: { f: {} }\n",
     "3:17 function `f` has no `image` | add `image:`, what runs; `vireo image ls` lists those at "
     "hand\n"},
    {"misspelt_image", "functions: { f: { imag: i } }\n",
     "3:19 unknown key `imag` in function `f` | did you mean `image`?  `vireo schema functions` "
     "lists the keys.\n"},
    {"no_such_technology", "functions: { f: { image: i, technology: [container, containr] } }\n",
     "3:53 `technology` of function `f` must be a technology, not `containr` | did you mean "
     "`container`?\n"},
    {"bad_memory", "functions: { f: { image: i, resources: { memory: 8mib } } }\n",
     "3:50 `memory` of `resources` of function `f` must be an amount of memory like `64MiB`, not "
     "`8mib` | write it like `64MiB`\n"},
    {"bad_restart", "functions: { f: { image: i, restart: alway } }\n",
     "3:38 `restart` of function `f` must be `always`, `on-failure` or `never`, not `alway` | did "
     "you mean `always`?\n"},
    {"two_health_kinds", "functions: { f: { image: i, health: { tcp: 1, http: /x } } }\n",
     "3:37 `health` of function `f` must have exactly one of `tcp`, `http`, `exec` | \n"},
    {"port_without_http", "functions: { f: { image: i, health: { tcp: 1, port: 2 } } }\n",
     "3:47 `port` goes only with `http` | \n"},
    {"capital_name", "links: { Lan: {} }\n",
     "3:10 `Lan` must be a name | names have small letters, digits and `-` inside, at most 63\n"},
    {"host_bits", "links: { a: { subnet: 10.0.0.5/24 } }\n",
     "3:23 `10.0.0.5/24` is an address in a network, not a network | did you mean "
     "`10.0.0.0/24`?\n"},
    {"overlap", "links: { a: { subnet: 10.0.0.0/16 }, b: { subnet: 10.0.3.0/24 } }\n",
     "3:51 subnet `10.0.3.0/24` of link `b` overlaps 10.0.0.0/16 of link `a` | the other is on "
     "line 3\n"},
    {"loopback", "links: { a: { subnet: 127.0.0.0/8 } }\n",
     "3:23 `127.0.0.0/8` has a special meaning and cannot be a subnet | take a private one like "
     "`10.20.0.0/24`\n"},
    {"address_outside",
     "functions: { f: { image: i, ports: [{ link: a, address: 10.1.0.5 }] } }\n"
     "links: { a: { subnet: 10.0.0.0/24 } }\n",
     "3:57 address `10.1.0.5` is in no subnet of link `a` | the link has 10.0.0.0/24\n"},
    {"broadcast_address", "links: { a: { subnet: 10.0.0.0/24, host: 10.0.0.255 } }\n",
     "3:42 address `10.0.0.255` is the broadcast address of 10.0.0.0/24 | take one in between\n"},
    {"double_address",
     "links: { a: { subnet: 10.0.0.0/24, host: 10.0.0.1 } }\n"
     "functions: { f: { image: i, ports: [{ link: a, address: 10.0.0.1 }] } }\n",
     "4:57 address 10.0.0.1 is given twice | it is first on line 3\n"},
    {"double_mac",
     "links: { a: {} }\nfunctions: { f: { image: i, ports: [{ link: a, mac: "
     "02:00:00:00:00:01 }, { link: a, mac: 02:00:00:00:00:01 }] } }\n",
     "4:90 MAC 02:00:00:00:00:01 is given twice | it is first on line 4\n"},
    {"multicast_mac",
     "links: { a: {} }\n"
     "functions: { f: { image: i, ports: [{ link: a, mac: 01:00:00:00:00:01 }] } }\n",
     "4:53 `01:00:00:00:00:01` is not the MAC of one interface | own ones start with `02:`\n"},
    {"unknown_link", "functions: { f: { image: i, ports: [lann] } }\nlinks: { lan: {} }\n",
     "3:37 no link `lann` | did you mean `lan`?\n"},
    {"same_name", "functions: { x: { image: i } }\nlinks: { x: {} }\n",
     "4:10 `x` is the name of a function too | a chain could not tell them apart: rename one\n"},
    {"chain_names_nothing",
     "functions: { fw: { image: i } }\nlinks: { lan: {}, wan: {} }\nchain: [wan, fv, lan]\n",
     "5:14 the chain names `fv`, which is neither a function nor a link | did you mean `fw`?\n"},
    {"chain_twice",
     "functions: { fw: { image: i } }\nlinks: { a: {}, b: {}, c: {} }\nchain: [a, fw, b, fw, c]\n",
     "5:19 `fw` is in the chain twice | \n"},
    {"chain_and_ports",
     "functions: { fw: { image: i, ports: [a] } }\nlinks: { a: {}, b: {} }\nchain: [a, fw, b]\n",
     "5:12 function `fw` is in the chain and has `ports` too | the chain gives it its two ports: "
     "take one of both out\n"},
    {"implied_name",
     "functions: { x: { image: i }, y: { image: i } }\nlinks: { a: {}, b: {}, x-y: {} }\n"
     "chain: [a, x, y, b]\n",
     "4:24 `x-y` is the name of the link that the chain implies | put it into the chain between "
     "`x` and `y`, or rename it\n"},
    {"two_links_in_a_row", "links: { a: {}, b: {} }\nchain: [a, b]\n",
     "4:12 no function between links `a` and `b` | put one between them, or make them one link\n"},
    {"chain_of_one_port", "functions: { f: { image: i } }\nlinks: { a: {} }\nchain: [a, f]\n",
     "5:12 function `f` at the end of the chain would have one port only | a chain starts and ends "
     "with a link; a function beside it names its `ports`\n"},
    {"unreadable_file", "functions: { f: { image: i, files: { /a: { from: gone } } } }\n",
     "3:50 cannot open gone: No such file or directory | names are relative to the descriptor\n"},
    {"relative_path", "functions: { f: { image: i, files: { a/b: x } } }\n",
     "3:38 `a/b` must be an absolute path | write it like `/etc/nginx/nginx.conf`\n"},
    {"climbing_path", "functions: { f: { image: i, files: { /a/../b: x } } }\n",
     "3:38 `/a/../b` must be an absolute path | write it like `/etc/nginx/nginx.conf`\n"},
    {"number_for_text", "functions: { f: { image: 7 } }\n",
     "3:26 `image` of function `f` must be the name of an image, not a number | put it in quotes "
     "to make it text\n"},
    {"too_little_memory", "functions: { f: { image: i, resources: { memory: 0 } } }\n",
     "3:50 memory of `0` is too little for any function | at least 64KiB\n"},
    {"poll_without_a_processor", "functions: { f: { image: i, resources: { poll: 1ms } } }\n",
     "3:48 who polls needs processors for itself | say `cpus: 1` or more beside it, or leave "
     "`poll` "
     "out\n"},
    {"unikernel_that_polls",
     "functions: { f: { image: i, technology: [unikernel.vireo.kvm, container], "
     "resources: { cpus: 1.5, poll: 1ms } } }\n",
     "3:105 who polls needs processors for itself | say `cpus: 2` or more beside it, or leave "
     "`poll` "
     "out\n"},
    {"long_poll", "functions: { f: { image: i, resources: { cpus: 4, poll: 2s } } }\n",
     "3:57 `2s` is too long to poll | at most 1s\n"},
    {"alias", "links: { a: &x {}, b: *x }\n",
     "3:13 anchors are not allowed | write the value out\n"
     "3:23 aliases are not allowed | write the value out\n"},
    {"tag", "links: !!map { }\n",
     "3:8 tag `tag:yaml.org,2002:map` is not allowed | leave it out\n"},
    {"second_document", "---\nvireo: 1\n",
     "3:1 a second document in one file | put each service into a file of its own\n"},
};

INSTANTIATE_TEST_SUITE_P(Descriptor, Findings, testing::ValuesIn(cases),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(Descriptor, all_findings_come_at_once_in_order) {
  EXPECT_EQ(findings_of("vireo: 2\nservice: X\nfunctions: { f: { image: i, prots: [] } }\n"
                        "links: { a: { subnet: 10.0.0.1/24 } }\nchain: [a, g, a]\n"),
            "1:8 version `2` of the language is not known | this Vireo reads `vireo: 1`\n"
            "2:10 `service` must be a name, not `X` | names have small letters, digits and `-` "
            "inside, at most 63\n"
            "3:29 unknown key `prots` in function `f` | did you mean `ports`?  `vireo schema "
            "functions` lists the keys.\n"
            "4:23 `10.0.0.1/24` is an address in a network, not a network | did you mean "
            "`10.0.0.0/24`?\n"
            "5:12 the chain names `g`, which is neither a function nor a link | did you mean "
            "`f`?\n"
            "5:15 `a` is in the chain twice | a chain that returns to a link would be a loop\n");
}

TEST(Descriptor, bombs_are_refused) {
  for (const std::string& bomb :
       {std::string(2 << 20, 'a'), std::string(1 << 20, '['), std::string(100, '['),
        std::string(1 << 19, '-'), head + "x: \xff\n", std::string("a: \0", 4), std::string()}) {
    EXPECT_FALSE(parse(bomb).findings.empty()) << bomb.substr(0, 20);
  }
  std::string many = head + "links:\n";
  for (int i = 0; i < 5000; i++) many += fmt::format("  a{}: {{}}\n", i);
  EXPECT_NE(findings_of(many).find("more than 4096 keys"), std::string::npos);
  std::string unknown = head;
  for (int i = 0; i < 4000; i++) unknown += fmt::format("k{}: 1\n", i);
  EXPECT_EQ(parse(unknown).findings.size(), 51u);
}

TEST(Descriptor, names_its_local_files) {
  EXPECT_EQ(local_files(whole), (std::vector<std::string>{"nginx.conf"}));
  EXPECT_TRUE(local_files("{{{").empty());
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Descriptor, the_examples_are_valid) {
  size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(VIREO_EXAMPLES)) {
    if (entry.path().extension() != ".yaml") continue;
    seen++;
    auto beside = [&](const std::string& name) -> Result<std::string> {
      std::string content = content_of(entry.path().parent_path() / name);
      if (content.empty()) return Error{Errc::not_found, "no file " + name};
      return content;
    };
    std::string text = content_of(entry.path());
    for (const Finding& finding : parse_descriptor(text, beside).findings)
      ADD_FAILURE() << finding_text(finding, entry.path().string(), text);
  }
  EXPECT_GT(seen, 0u);
}

}  // namespace
}  // namespace vireo
