// SPDX-License-Identifier: Apache-2.0
#include "driver/container/plan/container_plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

#include <cstring>

#include "driver/container/container.h"
#include "driver/container/mount_room.h"
#include "driver/container/plan/seccomp_filter.h"
#include "driver/function_start.h"
#include "driver/id_ranges.h"
#include "host/files.h"
#include "vnf/abi.h"

namespace vireo {
namespace {

TEST(ContainerPlan, looks_the_program_up_in_the_instance_s_path) {
  ProcessSpec process;
  process.arguments = {"nginx"};
  process.environment = {"PATH=/opt/bin:/bin"};
  EXPECT_EQ(program_paths(process), (std::vector<std::string>{"/opt/bin/nginx", "/bin/nginx"}));
  process.arguments = {"./a"};
  EXPECT_EQ(program_paths(process), std::vector<std::string>{"./a"});
}

TEST(ContainerPlan, survives_encoding_as_far_as_exec_needs_it) {
  EnterRequest request;
  request.process.arguments = {"/bin/a", "b"};
  request.process.environment = {"A=1", "B="};
  request.process.uid = 7;
  request.process.gid = 8;
  request.process.groups = {9, 10};
  request.process.working_directory = "/srv";
  request.files = {{"/etc/hosts", std::string("a\0b", 3), 0644}};
  request.capabilities = 1u << CAP_NET_RAW;
  auto bytes = encode_enter_plan(request);
  ASSERT_TRUE(bytes) << bytes.error().message;
  auto decoded = decode_enter_plan(*bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->process.uid, 7u);
  EXPECT_EQ(decoded->process.groups, request.process.groups);
  EXPECT_EQ(decoded->process.working_directory, "/srv");
  EXPECT_EQ(decoded->process.environment.size(), 3u);  // PATH was added
  EXPECT_EQ(decoded->capabilities, request.capabilities);
  for (size_t cut : {size_t{0}, size_t{20}, bytes->size() - 1})
    EXPECT_FALSE(decode_enter_plan(bytes->substr(0, cut)));
}

TEST(ContainerPlan, refuses_what_cannot_be_run) {
  EnterRequest request;
  EXPECT_EQ(encode_enter_plan(request).error().code, Errc::invalid);
  request.process.arguments = {std::string("a\0b", 3)};
  EXPECT_EQ(encode_enter_plan(request).error().code, Errc::invalid);
}

TEST(ContainerPlan, gives_only_capabilities_that_stay_inside) {
  EXPECT_EQ(*capability_bits({"CAP_NET_BIND_SERVICE"}), uint64_t{1} << CAP_NET_BIND_SERVICE);
  EXPECT_EQ(*capability_bits({}), 0u);
  for (const char* name : {"CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_BPF", "net_raw", ""})
    EXPECT_EQ(capability_bits({name}).error().code, Errc::denied) << name;
}

TEST(ContainerPlan, says_what_failed) {
  EnterRequest request;
  request.process.arguments = {"/bin/nope"};
  EXPECT_EQ(enter_error({EnterStep::execute, ENOENT, 0}, request).message,
            "cannot run `/bin/nope`: No such file or directory");
  EXPECT_NE(enter_error({EnterStep::file, ENOENT, 5}, request).message, "");
}

TEST(ContainerPlan, takes_absolute_paths_without_climbing) {
  EXPECT_EQ(*relative_path("/a/./b//c/"), "a/b/c");
  EXPECT_EQ(*relative_path("/"), "");
  EXPECT_FALSE(relative_path("a"));
  EXPECT_FALSE(relative_path("/a/../b"));
}

TEST(ContainerPlan, refuses_files_over_the_kernel_s_trees) {
  InstanceSpec spec;
  spec.files = {{"/proc/sys/x", "", 0644}};
  EXPECT_EQ(root_needs(spec).error().code, Errc::invalid);
  spec.files = {{"/etc/hosts", "", 0644}};
  auto needs = root_needs(spec);
  ASSERT_TRUE(needs);
  EXPECT_EQ(needs->files, std::vector<std::string>{"etc/hosts"});
}

TEST(ContainerPlan, finds_what_a_root_lacks_and_refuses_linked_trees) {
  auto made = TemporaryDirectory::make("root");
  ASSERT_TRUE(made);
  const std::string& root = made->path();
  ASSERT_TRUE(make_directories(root + "/proc"));
  ASSERT_TRUE(make_directories(root + "/sys"));
  auto missing = missing_in({root}, {{"dev", "proc", "sys"}, {"etc/hosts"}});
  ASSERT_TRUE(missing) << missing.error().message;
  EXPECT_EQ(missing->directories, std::vector<std::string>{"dev"});
  EXPECT_EQ(missing->files, std::vector<std::string>{"etc/hosts"});
  ASSERT_EQ(::symlink("/tmp", (root + "/dev").c_str()), 0);
  auto refused = missing_in({root}, {{"dev"}, {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid);
}

TEST(ContainerPlan, writes_the_identity_page) {
  InstanceSpec spec;
  spec.id = "default/s/fw.1@7";
  spec.function = FunctionStart{"CONFIG", 0, 0};
  PortSpec port;
  port.name = "port0";
  port.mtu = 1400;
  port.addresses = {*parse_prefix("10.0.0.1/24")};
  spec.ports = {port};
  spec.resources.poll = std::chrono::milliseconds(5);
  auto bytes = encode_identity(spec, std::string(32, 'x'));
  ASSERT_TRUE(bytes);
  vnf::Identity identity;
  ASSERT_EQ(bytes->size(), sizeof identity + 6);
  std::memcpy(&identity, bytes->data(), sizeof identity);
  EXPECT_EQ(identity.magic, vnf::identity_magic);
  EXPECT_EQ(identity.generation, 7u);
  EXPECT_EQ(identity.spin_microseconds, 5000u);
  EXPECT_EQ(identity.ports[0].mtu, 1400u);
  EXPECT_EQ(identity.ports[0].addresses[0].bytes[3], 1);
  EXPECT_TRUE(bytes->ends_with("CONFIG"));
  spec.ports.resize(vnf::max_ports + 1);
  EXPECT_FALSE(encode_identity(spec, ""));
}

TEST(ContainerPlan, seeds_as_many_neighbours_as_fit_gateways_first) {
  InstanceSpec spec;
  spec.function = FunctionStart{"", 0, 0};
  PortSpec port;
  for (int i = 1; i <= 40; i++)
    port.neighbours.push_back({*parse_ip(fmt::format("10.0.0.{}", i)), {}});
  port.gateways = {*parse_ip("10.0.0.40")};
  spec.ports = {port};
  auto bytes = encode_identity(spec, std::string(32, 'x'));
  ASSERT_TRUE(bytes) << bytes.error().message;
  vnf::Identity identity;
  std::memcpy(&identity, bytes->data(), sizeof identity);
  ASSERT_EQ(identity.ports[0].neighbour_count, vnf::max_neighbours);
  EXPECT_EQ(identity.ports[0].neighbours[0].address.bytes[3], 40);
  EXPECT_EQ(identity.ports[0].neighbours[1].address.bytes[3], 1);
}

TEST(ContainerPlan, record_survives_the_keeper) {
  ContainerRecord record{"default/s/f.1@2", "container", "sha256:1", 12, 3, true};
  EXPECT_EQ(*record_from_text(to_text(record)), record);
  EXPECT_FALSE(record_from_text("{\"driver\":\"qemu\",\"id\":\"x\"}"));
  EXPECT_FALSE(record_from_text("nonsense"));
}

TEST(ContainerPlan, filter_is_a_tree_that_fits) {
  auto filter = seccomp_filter(0);
  ASSERT_TRUE(filter) << filter.error().message;
  EXPECT_GT(filter->size(), 200u);
  EXPECT_LT(filter->size(), 1500u);
}

}  // namespace
}  // namespace vireo
