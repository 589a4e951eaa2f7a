// SPDX-License-Identifier: Apache-2.0
#include "control/plan/planner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "control/test/fixture.h"

namespace vireo {
namespace {

class Planner : public testing::Test {
 protected:
  PlanResult plan(const std::string& text) {
    ParsedDescriptor parsed = parse_descriptor(
        text, [](const std::string&) -> Result<std::string> { return std::string(); });
    if (!parsed.findings.empty()) {
      ADD_FAILURE() << parsed.findings[0].message;
      return {};
    }
    return plan(parsed.service);
  }

  PlanResult plan(const ServiceSpec& spec) {
    std::map<std::string, ResolvedImage> resolved;
    for (const FunctionSpec& function : spec.functions) {
      Result<Image> image = images.get(function.image);
      if (image)
        resolved[function.image] = {*image, {}, {}};
      else
        resolved[function.image].error = image.error();
    }
    return plan_service({spec, resolved, technologies, fabric, allocation, uint64_t{1} << 30});
  }

  std::string only_finding(const PlanResult& result) {
    if (result.findings.size() != 1) {
      for (const Finding& finding : result.findings) ADD_FAILURE() << finding.message;
      if (result.findings.empty()) return "no finding";
    }
    return result.findings[0].message + " | " + result.findings[0].fix;
  }

  static const PortSpec& port(const PlanResult& result, const std::string& function, size_t index) {
    auto found = std::ranges::find(result.desired.functions, function, &DesiredFunction::name);
    return found->instance.ports.at(index);
  }
  static std::string addresses(const PortSpec& port) {
    std::string text;
    for (const IpPrefix& own : port.addresses) text += to_string(own) + " ";
    return text;
  }
  static std::string gateways(const PortSpec& port) {
    std::string text;
    for (const IpAddress& gateway : port.gateways) text += to_string(gateway) + " ";
    return text;
  }
  static std::string names(const std::vector<Neighbour>& neighbours) {
    std::vector<std::string> list;
    for (const Neighbour& neighbour : neighbours) list.push_back(to_string(neighbour.address));
    std::ranges::sort(list);
    std::string text;
    for (const std::string& name : list) text += name + " ";
    return text;
  }

  FakeImages images;
  Allocation allocation;
  FabricInfo fabric{"bridge", {PortKind::tap, PortKind::packet, PortKind::veth}};
  std::vector<TechnologyOffer> technologies{
      {"container",
       0,
       {PortKind::packet, PortKind::tap, PortKind::veth},
       {true, "cgroup v1", {}, {}}},
      {"tinyx.kvm", 1, {PortKind::tap}, {false, "", {"no kernel built"}, {}}}};
};

const char* const office = R"(vireo: 1
service: office
functions:
  fw: { image: vnf/fw }
  nat: { image: vnf/nat }
  web: { image: web, ports: [wan] }
  pc: { image: web, ports: [lan] }
links:
  wan: { subnet: 10.10.0.0/24 }
  lan: { subnet: 10.20.0.0/24 }
chain: [wan, fw, nat, lan]
)";

TEST_F(Planner, branch_office_links_and_addresses) {
  PlanResult result = plan(office);
  ASSERT_TRUE(result.findings.empty()) << result.findings[0].message;
  ASSERT_EQ(result.desired.links.size(), 3u);
  EXPECT_EQ(result.desired.links[2].name, "fw-nat");
  EXPECT_TRUE(result.desired.links[2].implied);
  EXPECT_EQ(addresses(port(result, "fw", 0)), "");
  EXPECT_EQ(addresses(port(result, "nat", 0)), "10.10.0.1/24 ");  // the implied link is wan's
  EXPECT_EQ(addresses(port(result, "nat", 1)), "10.20.0.1/24 ");
  EXPECT_EQ(addresses(port(result, "web", 0)), "10.10.0.2/24 ");
  EXPECT_EQ(port(result, "nat", 0).link, "default/office/fw-nat");
  EXPECT_EQ(port(result, "nat", 0).id, "default/office/nat.1:port0");
}

TEST_F(Planner, branch_office_gateways) {
  PlanResult result = plan(office);
  EXPECT_EQ(gateways(port(result, "pc", 0)), "10.20.0.1 ");
  EXPECT_EQ(gateways(port(result, "web", 0)), "10.10.0.1 ");
  EXPECT_EQ(gateways(port(result, "nat", 0)), "");
  EXPECT_EQ(gateways(port(result, "nat", 1)), "");
}

TEST_F(Planner, the_host_is_the_gateway_toward_the_outside_only) {
  std::string text = office;
  text.replace(text.find("10.10.0.0/24 }"), 14, "10.10.0.0/24, host: 10.10.0.1 }");
  text.replace(text.find("10.20.0.0/24 }"), 14, "10.20.0.0/24, host: 10.20.0.1 }");
  PlanResult result = plan(text);
  ASSERT_TRUE(result.findings.empty());
  EXPECT_EQ(gateways(port(result, "nat", 0)), "10.10.0.1 ");
  EXPECT_EQ(gateways(port(result, "web", 0)), "10.10.0.1 ");
  EXPECT_EQ(addresses(port(result, "nat", 1)), "10.20.0.2/24 ");
  EXPECT_EQ(gateways(port(result, "pc", 0)), "10.20.0.2 ");
  EXPECT_FALSE(result.desired.links[0].request.host_mac.is_zero());
  EXPECT_EQ(names(port(result, "nat", 0).neighbours), "10.10.0.1 10.10.0.3 ");
}

TEST_F(Planner, what_lies_behind_a_transparent_function) {
  PlanResult result = plan(office);
  EXPECT_EQ(names(port(result, "fw", 0).behind), "10.10.0.1 ");  // from wan: the NAT
  EXPECT_EQ(names(port(result, "fw", 1).behind), "10.10.0.2 ");  // from the NAT: the server
  EXPECT_EQ(port(result, "fw", 0).behind[0].mac, port(result, "nat", 0).mac);
  EXPECT_TRUE(port(result, "nat", 0).behind.empty());
  EXPECT_TRUE(port(result, "fw", 0).routes);   // the NAT's frames carry addresses of the world
  EXPECT_FALSE(port(result, "fw", 1).routes);  // servers speak for themselves
  EXPECT_TRUE(port(result, "nat", 0).routes);
  EXPECT_EQ(names(port(result, "nat", 0).neighbours), "10.10.0.2 ");
  EXPECT_EQ(names(port(result, "pc", 0).neighbours), "10.20.0.1 ");
  EXPECT_TRUE(port(result, "fw", 0).neighbours.empty());
}

TEST_F(Planner, an_uplink_lies_behind_transparent_functions) {
  EXPECT_FALSE(port(plan(office), "fw", 1).outward);
  std::string text = office;
  text.replace(text.find("10.10.0.0/24 }"), 14, "10.10.0.0/24, uplink: eth9 }");
  PlanResult result = plan(text);
  EXPECT_FALSE(port(result, "fw", 0).outward);
  EXPECT_TRUE(port(result, "fw", 1).outward);
  EXPECT_FALSE(port(result, "nat", 0).outward);  // nothing is flooded through a router
}

TEST_F(Planner, two_transparent_functions_see_through_each_other) {
  PlanResult result = plan(R"(vireo: 1
service: s
functions:
  one: { image: vnf/fw }
  two: { image: vnf/fw }
  left: { image: web, ports: [a] }
  right: { image: web, ports: [b] }
links:
  a: { subnet: 10.0.0.0/24 }
  b: {}
chain: [a, one, two, b]
)");
  ASSERT_TRUE(result.findings.empty()) << result.findings[0].message;
  EXPECT_EQ(addresses(port(result, "left", 0)), "10.0.0.1/24 ");
  EXPECT_EQ(addresses(port(result, "right", 0)), "10.0.0.2/24 ");
  EXPECT_EQ(names(port(result, "one", 0).behind), "10.0.0.2 ");
  EXPECT_EQ(names(port(result, "one", 1).behind), "10.0.0.1 ");
  EXPECT_EQ(names(port(result, "two", 0).behind), "10.0.0.2 ");
  EXPECT_EQ(names(port(result, "two", 1).behind), "10.0.0.1 ");
  EXPECT_EQ(gateways(port(result, "left", 0)), "");
}

TEST_F(Planner, both_families) {
  PlanResult result = plan(R"(vireo: 1
service: s
functions:
  r: { image: vnf/nat }
  pc: { image: web, ports: [lan] }
links:
  wan: { subnet: [10.1.0.0/24, "fd00:1::/64"], host: "fd00:1::1" }
  lan: { subnet: [10.2.0.0/24, "fd00:2::/64"] }
chain: [wan, r, lan]
)");
  ASSERT_TRUE(result.findings.empty()) << result.findings[0].message;
  EXPECT_EQ(addresses(port(result, "r", 0)), "10.1.0.1/24 fd00:1::2/64 ");
  EXPECT_EQ(gateways(port(result, "r", 0)), "fd00:1::1 ");
  EXPECT_EQ(gateways(port(result, "pc", 0)), "10.2.0.1 fd00:2::1 ");
}

TEST_F(Planner, a_link_beyond_a_transparent_function_shares_the_subnet) {
  PlanResult result = plan(R"(vireo: 1
service: s
functions:
  fw: { image: vnf/fw }
  behind: { image: web, ports: [{ link: far, address: 10.0.0.20 }] }
links:
  lan: { subnet: 10.0.0.0/24, host: 10.0.0.1 }
  far: {}
chain: [lan, fw, far]
)");
  ASSERT_TRUE(result.findings.empty()) << result.findings[0].message;
  EXPECT_EQ(addresses(port(result, "behind", 0)), "10.0.0.20/24 ");
}

TEST_F(Planner, one_default_route_a_family) {
  PlanResult result = plan(R"(vireo: 1
service: s
functions:
  a: { image: vnf/nat, ports: [up, one] }
  b: { image: vnf/nat, ports: [up, two] }
  proxy: { image: web, ports: [one, two] }
links:
  up: { subnet: 10.0.0.0/24 }
  one: { subnet: 10.1.0.0/24 }
  two: { subnet: 10.2.0.0/24 }
)");
  ASSERT_TRUE(result.findings.empty()) << result.findings[0].message;
  EXPECT_EQ(gateways(port(result, "proxy", 0)), "10.1.0.1 ");
  EXPECT_EQ(gateways(port(result, "proxy", 1)), "");
}

TEST_F(Planner, two_routed_neighbours_need_a_subnet) {
  const std::string text = R"(vireo: 1
service: s
functions:
  a: { image: vnf/nat }
  b: { image: vnf/nat }
links:
  wan: { subnet: 10.1.0.0/24 }
  mid: { subnet: 10.2.0.0/24 }
  lan: { subnet: 10.3.0.0/24 }
chain: )";
  EXPECT_NE(only_finding(plan(text + "[wan, a, b, lan]\n")).find("`a` and `b` need a subnet"),
            std::string::npos);
  PlanResult result = plan(text + "[wan, a, mid, b, lan]\n");
  ASSERT_TRUE(result.findings.empty());
  EXPECT_EQ(gateways(port(result, "b", 0)), addresses(port(result, "a", 1)).substr(0, 8) + " ");
}

TEST_F(Planner, allocations_are_stable) {
  PlanResult first = plan(office);
  allocation = first.desired.allocation;
  std::string text = office;
  text.replace(text.find("  fw:"), 5, "  aa: { image: web, ports: [wan] }\n  fw:");
  PlanResult more = plan(text);
  for (const char* name : {"web", "pc", "nat", "fw"})
    EXPECT_EQ(port(more, name, 0).addresses, port(first, name, 0).addresses) << name;
  EXPECT_EQ(port(more, "web", 0).mac, port(first, "web", 0).mac);
  EXPECT_EQ(addresses(port(more, "aa", 0)), "10.10.0.3/24 ");
  // A freed address is given again, the others stay.
  allocation = more.desired.allocation;
  PlanResult fewer = plan(office);
  EXPECT_FALSE(fewer.desired.allocation.ports.contains("aa:port0"));
  Result<Allocation> stored = allocation_from_json(to_json(allocation));
  ASSERT_TRUE(stored);
  EXPECT_EQ(*stored, allocation);
}

TEST_F(Planner, a_request_beats_an_allocation) {
  PlanResult first = plan(office);
  allocation = first.desired.allocation;
  std::string text = office;
  text.replace(text.find("ports: [lan]"), 12, "ports: [{ link: lan, address: 10.20.0.1 }]");
  PlanResult result = plan(text);
  ASSERT_TRUE(result.findings.empty()) << result.findings[0].message;
  EXPECT_EQ(addresses(port(result, "pc", 0)), "10.20.0.1/24 ");
  EXPECT_EQ(addresses(port(result, "nat", 1)), "10.20.0.2/24 ");
}

TEST_F(Planner, macs_are_local_and_differ) {
  PlanResult result = plan(office);
  std::set<MacAddress> macs;
  for (const DesiredFunction& function : result.desired.functions)
    for (const PortSpec& each : function.instance.ports) {
      EXPECT_EQ(each.mac.bytes[0], 0x02);
      EXPECT_TRUE(macs.insert(each.mac).second);
    }
  EXPECT_EQ(macs.size(), 6u);
}

TEST_F(Planner, a_full_subnet_is_a_finding) {
  EXPECT_NE(only_finding(plan(R"(vireo: 1
service: s
functions:
  a: { image: web, ports: [l] }
  b: { image: web, ports: [l] }
  c: { image: web, ports: [l] }
links:
  l: { subnet: 10.0.0.0/30 }
)"))
                .find("no address is free in 10.0.0.0/30 for `c`"),
            std::string::npos);
}

TEST_F(Planner, port_kinds_follow_the_style) {
  PlanResult result = plan(office);
  EXPECT_EQ(port(result, "fw", 0).kind, PortKind::tap);  // the fabric's first that the driver takes
  EXPECT_EQ(port(result, "web", 0).kind, PortKind::veth);
  fabric.port_kinds = {PortKind::tap};
  EXPECT_NE(plan(office).findings.size(), 0u);
}

TEST_F(Planner, hosts_are_told_to_stacks_only) {
  PlanResult result = plan(office);
  auto file = [&](const std::string& name) {
    auto function = std::ranges::find(result.desired.functions, name, &DesiredFunction::name);
    auto hosts = std::ranges::find(function->instance.files, "/etc/hosts", &FileContent::path);
    return hosts == function->instance.files.end() ? std::string() : hosts->content;
  };
  EXPECT_NE(file("web").find("10.20.0.1 nat nat.office"), std::string::npos) << file("web");
  EXPECT_EQ(file("fw"), "");
}

TEST_F(Planner, findings) {
  auto with = [&](const std::string& function, const std::string& chain = "") {
    return only_finding(plan("vireo: 1\nservice: s\nfunctions:\n  f: { image: " + function +
                             " }\nlinks:\n  a: { subnet: 10.0.0.0/24 }\n"
                             "  b: { subnet: 10.1.0.0/24 }\n" +
                             chain));
  };
  EXPECT_NE(with("nothing, ports: [a]").find("image `nothing` of function `f` is not here"),
            std::string::npos);
  std::string technology = with("web, technology: tinyx.kvm, ports: [a]");
  EXPECT_NE(technology.find("cannot run `s/f` as tinyx.kvm: no kernel built"), std::string::npos);
  EXPECT_NE(technology.find("possible here: container (cgroup v1)"), std::string::npos);
  EXPECT_NE(with("web, ports: [a], resources: { memory: 2GiB }").find("this host has 1.0 GiB"),
            std::string::npos);
  EXPECT_NE(with("vnf/fw, ports: [a]").find("`f` has 1 port, its function takes 2"),
            std::string::npos);
  EXPECT_NE(with("web, ports: [a], config: { x: 1 }").find("no libvnf function"),
            std::string::npos);
  EXPECT_NE(with("vnf/probe, ports: [a], config: { x: 1 }").find("config of `f`"),
            std::string::npos);
  EXPECT_NE(with("web", "chain: [a, f, b]\n").find("`f` ends traffic"), std::string::npos);
  EXPECT_NE(with("vnf/fw", "chain: [a, f, b]\n").find("have different subnets"), std::string::npos);
  EXPECT_NE(with("vnf/fw, ports: [{ link: a, address: 10.0.0.9 }, { link: a }]")
                .find("is transparent and has no addresses"),
            std::string::npos);
}

TEST_F(Planner, a_finding_in_a_configuration_points_at_its_key) {
  const std::string line = "  f: { image: vnf/probe, ports: [a], config: { x: 1 } }";
  PlanResult result = plan("vireo: 1\nservice: s\nfunctions:\n" + line +
                           "\nlinks: { a: { subnet: 10.0.0.0/24 } }\n");
  ASSERT_FALSE(result.findings.empty());
  EXPECT_EQ(result.findings.front().place.line, 4);
  EXPECT_EQ(result.findings.front().place.column, static_cast<int>(line.find("x: 1")) + 1);
}

TEST_F(Planner, a_preference_is_passed_over_with_a_reason) {
  PlanResult result = plan(R"(vireo: 1
service: s
functions:
  f: { image: web, technology: [tinyx.kvm, container], ports: [a] }
links:
  a: { subnet: 10.0.0.0/24 }
)");
  ASSERT_TRUE(result.findings.empty());
  EXPECT_EQ(result.desired.functions[0].instance.technology, "container");
  EXPECT_EQ(result.desired.functions[0].technology_note,
            "tinyx.kvm: not possible here: no kernel built");
}

TEST_F(Planner, an_image_without_a_program_is_a_finding) {
  Image image = foreign_image("empty");
  image.entry_point.clear();
  images.add(image);
  EXPECT_NE(only_finding(plan(R"(vireo: 1
service: s
functions:
  f: { image: empty, ports: [a] }
links:
  a: { subnet: 10.0.0.0/24 }
)"))
                .find("names no program to start"),
            std::string::npos);
}

TEST_F(Planner, the_root_is_writable_unless_the_image_says_otherwise) {
  auto root = [&](const Image& image) {
    images.add(image);
    return plan(
               "vireo: 1\nservice: s\nfunctions:\n  f: { image: web, ports: [a] }\n"
               "links:\n  a: { subnet: 10.0.0.0/24 }\n")
        .desired.functions.at(0)
        .instance.root;
  };
  Image image = foreign_image("web");
  EXPECT_TRUE(root(image).writable);
  image.labels = {{"org.vireo.root", "read-only"}};
  EXPECT_FALSE(root(image).writable);
  EXPECT_TRUE(root(image).writable_paths.empty());
  image.volumes = {"/data"};
  EXPECT_EQ(root(image).writable_paths, (std::vector<std::string>{"/data", "/run", "/tmp"}));
}

}  // namespace
}  // namespace vireo
