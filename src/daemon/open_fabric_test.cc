// SPDX-License-Identifier: Apache-2.0
// Which fabric a daemon takes for what it finds in the fabric's namespace.
#include "daemon/open_fabric.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstring>

#include "host/files.h"
#include "host/namespace.h"

namespace vireo {
namespace {

constexpr const char* other_links = "vireo0_links";

// A switch program whose only table has the name and so many rows: it stands where a daemon of
// another version keeps its own, on the loopback.
void attach_switch_with(const Fd& network_namespace, const char* table, uint32_t rows) {
  const Fd map(::bpf_map_create(BPF_MAP_TYPE_HASH, table, 4, 4, 8, nullptr));
  ASSERT_TRUE(map);
  for (uint32_t row = 0; row < rows; row++)
    ASSERT_EQ(::bpf_map_update_elem(map.get(), &row, &row, BPF_ANY), 0);
  bpf_insn program[4] = {};  // r1 = the map; r0 = 0; exit
  program[0].code = BPF_LD | BPF_DW | BPF_IMM;
  program[0].dst_reg = BPF_REG_1;
  program[0].src_reg = BPF_PSEUDO_MAP_FD;
  program[0].imm = map.get();
  program[2].code = BPF_ALU64 | BPF_MOV | BPF_K;
  program[3].code = BPF_JMP | BPF_EXIT;
  const Fd loaded(::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "other", "GPL", program, 4, nullptr));
  ASSERT_TRUE(loaded) << std::strerror(errno);
  const NamespaceScope scope = *NamespaceScope::enter(network_namespace);
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = 1;
  hook.attach_point = BPF_TC_INGRESS;
  ASSERT_EQ(::bpf_tc_hook_create(&hook), 0);
  bpf_tc_opts filter{};
  filter.sz = sizeof filter;
  filter.handle = filter.priority = 1;
  filter.prog_fd = loaded.get();
  ASSERT_EQ(::bpf_tc_attach(&hook, &filter), 0);
}

class OpenFabric : public testing::Test {
 protected:
  Result<std::unique_ptr<Fabric>> open(const std::string& wanted) {
    DaemonOptions options;
    options.state_directory = directory_.path();
    options.fabric = wanted;
    return open_fabric(options, fabric_, ends_);
  }
  TemporaryDirectory directory_ = *TemporaryDirectory::make("open-fabric");
  Fd fabric_ = *new_network_namespace(), ends_ = *new_network_namespace();
};

TEST_F(OpenFabric, is_that_which_was_named) {
  for (const char* wanted : {"bridge", "ebpf"}) {
    Result<std::unique_ptr<Fabric>> made = open(wanted);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ((*made)->info().name, wanted);
  }
}

// Bridges beside them would leave the services that run there without a word.
TEST_F(OpenFabric, links_of_another_version_are_an_error_and_no_reason_for_bridges) {
  attach_switch_with(fabric_, other_links, 1);
  for (const char* wanted : {"auto", "ebpf"}) {
    const Result<std::unique_ptr<Fabric>> made = open(wanted);
    ASSERT_FALSE(made) << wanted;
    EXPECT_EQ(made.error().code, Errc::conflict);
    EXPECT_NE(made.error().message.find("remove all services"), std::string::npos);
  }
}

TEST_F(OpenFabric, tables_of_another_version_without_links_are_replaced) {
  attach_switch_with(fabric_, other_links, 0);
  Result<std::unique_ptr<Fabric>> made = open("auto");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->info().name, "ebpf");
  ASSERT_TRUE((*made)->ensure_link({"svc/lan", 1500}));
  made->reset();
  made = open("auto");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)->info().name, "ebpf") << "it goes on with what it has put there";
}

TEST_F(OpenFabric, tables_without_a_known_list_of_links_are_not_taken_for_empty) {
  attach_switch_with(fabric_, "vireo0_ports", 0);
  EXPECT_EQ(open("auto").error().code, Errc::conflict);
}

}  // namespace
}  // namespace vireo
