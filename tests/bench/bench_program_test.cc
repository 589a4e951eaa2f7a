// SPDX-License-Identifier: Apache-2.0
// The checks of the bench that must be able to fail: each shows it something whose outcome is
// known. Traffic stays in the namespaces that the bench makes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "base/json.h"
#include "base/text.h"
#include "host/child_process.h"
#include "host/files.h"
#include "host/kvm_probe.h"

namespace vireo {
namespace {

using namespace std::chrono_literals;

class BenchProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::make("vireo-bench-test");
    ASSERT_TRUE(folder) << folder.error().message;
    folder_.emplace(std::move(*folder));
    ASSERT_TRUE(make_directories(path("tmp")));
  }
  void TearDown() override {
    // Neither files nor processes; the bench keeps all it has in its temporary directory.
    EXPECT_EQ(list_directory(path("tmp")).value_or({"?"}), std::vector<std::string>());
    EXPECT_EQ(processes(), std::vector<std::string>());
  }

  std::string path(const std::string& name) const { return folder_->path() + "/" + name; }

  ChildCommand command(const std::string& words) const {
    ChildCommand command;
    command.program = "sh";
    command.arguments = {"sh", "-c",
                         fmt::format("TMPDIR={} PATH={} exec {}/vireod bench {}", path("tmp"),
                                     search_path_, VIREO_BIN, words)};
    return command;
  }
  Finished run(const std::string& words) const {
    auto finished = run_program(command(words), 120s);
    EXPECT_TRUE(finished) << finished.error().message;
    return finished ? *finished : Finished();
  }
  // The rows of unikernels, which all have as many figures as there are runs, or say why not.
  size_t unikernels(const std::string& words, int runs) const {
    const bool possible = probe_kvm(open_kvm()).runs_user_mode();
    size_t seen = 0;
    for (const Json& row : rows(words + " --technology unikernel.vireo.kvm --peers none")) {
      if (row["technology"].text() != "unikernel.vireo.kvm") continue;
      seen++;
      const std::string name = row["metric"].text() + " " + row["mode"].text();
      const bool size = row["metric"].text() == "image_size";  // a file's: it need not run
      EXPECT_EQ(row["status"].text(), possible || size ? "measured" : "not run") << name;
      EXPECT_EQ(row["n"].integer(), possible || size ? runs : 0)
          << name << ": " << row["reason"].text();
      if (row["direction"].text() == "page faults") continue;  // a machine that rehearsed has none
      if (possible || size)
        EXPECT_GT(row["min"].number(), 0) << name;
      else
        EXPECT_NE(row["reason"].text().find("kvm"), std::string::npos) << row["reason"].text();
    }
    return seen;
  }

  // The rows of a run with JSON output.
  std::vector<Json> rows(const std::string& words) const {
    Finished finished = run(words + " --output json");
    auto json = parse_json(finished.output);
    EXPECT_TRUE(json) << finished.output << finished.error;
    return json ? (*json)["rows"].items() : std::vector<Json>();
  }

  // A root archive with these files at its top.
  std::string archive(const std::vector<std::pair<std::string, std::string>>& files) const {
    std::string script = fmt::format("mkdir {0} {0}/proc {0}/dev; ", path("root"));
    for (const auto& [from, name] : files)
      script += fmt::format("cp {} {}/{}; ", from, path("root"), name);
    ChildCommand pack;
    pack.program = "sh";
    pack.arguments = {"sh", "-ec", script + fmt::format("tar -C {0} -cf {0}.tar .", path("root"))};
    auto packed = run_program(pack, 20s);
    EXPECT_TRUE(packed && packed->ok()) << (packed ? packed->error : packed.error().message);
    return path("root.tar");
  }

  // That know of the bench's temporary directory.
  std::vector<std::string> processes() const {
    std::vector<std::string> found;
    for (const std::string& name : list_directory("/proc").value_or({})) {
      auto text = read_file("/proc/" + name + "/cmdline");
      if (text && text->find(path("tmp")) != std::string::npos) found.push_back(*text);
    }
    return found;
  }

  std::optional<TemporaryDirectory> folder_;
  std::string search_path_ = "$PATH";  // as the shell reads it
};

std::vector<Json> of_metric(const std::vector<Json>& rows, const std::string& metric) {
  std::vector<Json> found;
  for (const Json& row : rows)
    if (row["metric"].text() == metric && row["status"].text() != "published" &&
        (row["technology"].text() == "container" || !row["peer"].text().empty()))
      found.push_back(row);
  return found;
}

TEST_F(BenchProgram, an_entry_point_that_does_not_exist_fails_every_sample) {
  std::string image = archive({});
  const std::string container =
      "instantiation --technology container --peers none --runs 2 --image ";
  auto found = rows(container + image);
  for (const char* metric : {"instantiation", "function_ready", "stop"}) {
    auto own = of_metric(found, metric);
    ASSERT_EQ(own.size(), 2u) << metric;  // pooled and cold
    for (const Json& row : own) {
      EXPECT_EQ(row["status"].text(), "measured");
      EXPECT_EQ(row["n"].integer(), 0);
      EXPECT_EQ(row["failed"].integer(), 2);
      EXPECT_TRUE(row["median"].is_null());
      EXPECT_NE(row["reason"].text().find("/listener"), std::string::npos) << row["reason"].text();
    }
  }
  EXPECT_EQ(WEXITSTATUS(run(container + image).status), 1);
}

// The lower bound is the sleep itself: no start can be faster.
TEST_F(BenchProgram, an_entry_point_that_sleeps_is_ready_no_sooner) {
  std::string image =
      archive({{VIREO_BIN "/late_listener", "listener"}, {VIREO_BIN "/bench/listener", "real"}});
  auto found = rows(
      fmt::format("instantiation --technology container --runs 2 --peers none --image {}", image));
  auto ready = of_metric(found, "function_ready");
  ASSERT_EQ(ready.size(), 2u);
  for (const Json& row : ready) {
    ASSERT_EQ(row["n"].integer(), 2) << row["reason"].text();
    EXPECT_GE(row["min"].number(), 200);
  }
}

// The one peer that starts no listener of ours: QEMU with a function's image.
TEST_F(BenchProgram, a_function_under_qemu_answers_the_same_sender) {
  unsigned seen = 0;
  for (const Json& row :
       rows("instantiation --technology container --runs 2 --peers qemu_microvm")) {
    if (!row["peer"].text().starts_with("QEMU microvm (TCG) ")) continue;
    seen++;
    EXPECT_EQ(row["n"].integer(), 2) << row["reason"].text();
    EXPECT_GT(row["min"].number(), 0);
  }
  EXPECT_EQ(seen, 2u);  // instantiation and function_ready
}

TEST_F(BenchProgram, a_qemu_that_is_not_there_is_not_run_and_says_why) {
  // All that a bench needs of Debian's, but QEMU.
  const std::string script = fmt::format(
      "mkdir {0}; for name in ip sh tar cp mkdir sed ping; do ln -s $(command -v $name) {0}; done",
      path("programs"));
  ChildCommand link;
  link.program = "sh";
  link.arguments = {"sh", "-ec", script};
  auto linked = run_program(link, 20s);
  ASSERT_TRUE(linked && linked->ok());
  search_path_ = path("programs");
  unsigned seen = 0;
  for (const Json& row :
       rows("instantiation --technology container --runs 1 --peers qemu_microvm")) {
    if (!row["peer"].text().starts_with("QEMU")) continue;
    seen++;
    EXPECT_EQ(row["status"].text(), "not run");
    EXPECT_EQ(row["reason"].text(), "QEMU is not there; apt install qemu-system-x86");
  }
  EXPECT_EQ(seen, 2u);
}

TEST_F(BenchProgram, a_dockerd_that_is_none_is_not_run_and_says_why) {
  auto found =
      rows("instantiation --technology container --runs 1 --peers docker --dockerd /bin/false");
  bool seen = false;
  for (const Json& row : of_metric(found, "function_ready")) {
    if (row["peer"].text().empty()) {
      EXPECT_EQ(row["n"].integer(), 1) << row["reason"].text();
      continue;
    }
    seen = true;
    EXPECT_EQ(row["status"].text(), "not run");
    EXPECT_EQ(row["reason"].text(), "dockerd did not start: it ended without a word");
    EXPECT_EQ(row["failed"].integer(), 0);
  }
  EXPECT_TRUE(seen);
}

TEST_F(BenchProgram, an_interrupt_leaves_nothing_and_prints_what_was_measured) {
  Fd out = *open_path(path("out"), O_WRONLY | O_CREAT, 0600);
  Fd progress = *open_path(path("progress"), O_WRONLY | O_CREAT, 0600);
  ChildCommand bench =
      command("instantiation --technology container --runs 1000 --peers none --output json");
  bench.output = out.get();
  bench.error = progress.get();
  auto child = ChildProcess::start(bench);
  ASSERT_TRUE(child) << child.error().message;
  auto measuring = [&] {
    return read_file(path("progress")).value_or("").find("sample 3 ") != std::string::npos;
  };
  for (int i = 0; i < 600 && !measuring(); i++) (void)child->wait(100ms).has_value();
  ASSERT_TRUE(measuring()) << read_file(path("progress")).value_or("");
  ASSERT_TRUE(child->signal(SIGINT));
  auto status = child->wait(60s);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(*status, 0);
  auto json = parse_json(read_file(path("out")).value_or(""));
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_TRUE((*json)["host"]["interrupted"].boolean());
  auto ready = of_metric((*json)["rows"].items(), "function_ready");
  ASSERT_FALSE(ready.empty());
  EXPECT_GE(ready[0]["n"].integer(), 1);
  EXPECT_LT(ready[0]["n"].integer(), 1000);
}

TEST_F(BenchProgram, heals_a_forwarder_that_it_kills) {
  auto heal = of_metric(rows("heal --technology container --runs 2 --peers none"), "heal");
  ASSERT_EQ(heal.size(), 1u);
  EXPECT_EQ(heal[0]["n"].integer(), 2) << heal[0]["reason"].text();
  EXPECT_GT(heal[0]["min"].number(), 0);
}

TEST_F(BenchProgram, compares_paths_with_a_bare_veth_pair_of_the_same_run) {
  auto found =
      rows("throughput round_trip --technology container --quick --runs 1 --peers bare_veth");
  for (const char* metric : {"throughput", "round_trip"}) {
    auto all = of_metric(found, metric);
    ASSERT_FALSE(all.empty());
    for (const Json& row : all) {
      EXPECT_EQ(row["n"].integer(), 1) << row["mode"].text() << ": " << row["reason"].text();
      if (row["peer"].text().empty()) {
        EXPECT_EQ(row["ratio"]["to"].text(), "bare_veth");
      }
      EXPECT_FALSE(row["source"].text().empty());
    }
  }
}

TEST_F(BenchProgram, knows_the_sizes_of_images) {
  auto sizes = of_metric(rows("image_size --technology container --peers none"), "image_size");
  ASSERT_EQ(sizes.size(), 2u);
  EXPECT_EQ(sizes[0]["mode"].text(), "packet function");
  EXPECT_GT(sizes[0]["median"].number(), 0);
  EXPECT_GT(sizes[1]["median"].number(), sizes[0]["median"].number());
}

TEST_F(BenchProgram, fills_the_host_with_instances_and_takes_them_away) {
  auto found = rows("density --technology container,tinyx.xen --count 6");
  auto started = of_metric(found, "density_start");
  ASSERT_EQ(started.size(), 3u);
  for (const Json& row : started) {
    EXPECT_EQ(row["n"].integer(), 2) << row["reason"].text();
    EXPECT_GT(row["min"].number(), 0);
  }
  EXPECT_EQ(started[2]["ratio"]["to"].text(), "the first");
  auto answered = of_metric(found, "density_answered");
  ASSERT_EQ(answered.size(), 1u);
  EXPECT_EQ(answered[0]["median"].number(), 6) << answered[0]["reason"].text();
  auto memory = of_metric(found, "density_memory");
  ASSERT_EQ(memory.size(), 1u);
  if (memory[0]["n"].integer() == 0) {  // the machine's other work is nobody's fault
    EXPECT_NE(memory[0]["reason"].text().find("other work"), std::string::npos);
  }
  for (const char* metric : {"density_idle", "density_request"})
    for (const Json& row : of_metric(found, metric)) {
      EXPECT_GT(row["n"].integer(), 0) << row["mode"].text() << ": " << row["reason"].text();
      EXPECT_GT(row["median"].number(), 0) << row["mode"].text();
    }
  for (const Json& row : found)
    if (row["technology"].text() == "tinyx.xen") {
      EXPECT_EQ(row["status"].text(), "not run");
      EXPECT_NE(row["reason"].text().find("no driver"), std::string::npos);
    }
}

TEST_F(BenchProgram, refuses_a_count_that_this_host_forbids) {
  ChildCommand bench = command("density --technology container --count 500");
  bench.arguments[2] = "ulimit -n 600; " + bench.arguments[2];
  auto finished = run_program(bench, 60s);
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(WEXITSTATUS(finished->status), 1);
  EXPECT_NE(finished->error.find("limit of open files is 600"), std::string::npos)
      << finished->error;
  EXPECT_EQ(finished->output, "");  // it has not begun
}

TEST_F(BenchProgram, an_interrupted_density_leaves_nothing) {
  Fd out = *open_path(path("out"), O_WRONLY | O_CREAT, 0600);
  Fd progress = *open_path(path("progress"), O_WRONLY | O_CREAT, 0600);
  ChildCommand bench = command("density --technology container --count 1000 --output json");
  bench.output = out.get();
  bench.error = progress.get();
  auto child = ChildProcess::start(bench);
  ASSERT_TRUE(child) << child.error().message;
  auto filling = [&] {
    return read_file(path("progress")).value_or("").find("started 100 ") != std::string::npos;
  };
  for (int i = 0; i < 600 && !filling(); i++) (void)child->wait(100ms).has_value();
  ASSERT_TRUE(filling()) << read_file(path("progress")).value_or("");
  ASSERT_TRUE(child->signal(SIGINT));
  auto status = child->wait(120s);
  ASSERT_TRUE(status) << status.error().message;
  auto json = parse_json(read_file(path("out")).value_or(""));
  ASSERT_TRUE(json) << json.error().message;
  auto started = of_metric((*json)["rows"].items(), "density_start");
  ASSERT_EQ(started.size(), 3u);
  EXPECT_EQ(started[0]["n"].integer(), 100);
  EXPECT_EQ(started[2]["n"].integer(), 0);
  EXPECT_EQ(started[2]["reason"].text(), "interrupted");
}

TEST_F(BenchProgram, sends_through_a_chain) {
  auto found = rows("chain --technology container --length 2 --quick --runs 1");
  const std::vector<std::pair<const char*, size_t>> metrics{
      {"chain_throughput", 2}, {"chain_packets", 3}, {"chain_round_trip", 1}, {"chain_cycles", 3}};
  for (const auto& [metric, count] : metrics) {
    auto all = of_metric(found, metric);
    ASSERT_EQ(all.size(), count) << metric;
    for (const Json& row : all) {
      EXPECT_TRUE(row["mode"].text().starts_with("2 hops")) << row["mode"].text();
      EXPECT_EQ(row["n"].integer(), 1) << row["mode"].text() << ": " << row["reason"].text();
      EXPECT_GT(row["median"].number(), 0) << row["mode"].text();
    }
  }
}

// No function loses a flow for which its table has room, nor keeps one for which it has not.
TEST_F(BenchProgram, counts_the_sessions_that_live) {
  for (const auto& [flows, least] : {std::pair(1000, 1000), std::pair(70'000, 60'000)}) {
    auto found = rows(fmt::format("sessions --technology container --runs 1 --count {}", flows));
    EXPECT_EQ(of_metric(found, "sessions_new").size(), 2u);  // firewall and NAT
    for (const Json& row : of_metric(found, "sessions_at_once")) {
      EXPECT_GE(row["median"].number(), least) << row["mode"].text() << row["reason"].text();
      EXPECT_LE(row["median"].number(), std::min(flows, 65'536)) << row["mode"].text();
    }
  }
}

TEST_F(BenchProgram, starts_unikernels_in_every_tier_and_heals_them) {
  EXPECT_EQ(unikernels("instantiation heal --runs 2", 2), 8u * 4 + 1);
}

TEST_F(BenchProgram, sends_to_unikernels_and_through_them) {
  const size_t streams = 2 * 2, packets = 2, pings = 2 * 2, sizes = 2;
  EXPECT_EQ(unikernels("throughput round_trip image_size --quick --runs 1", 1),
            streams + packets + pings + sizes);
}

TEST_F(BenchProgram, makes_spare_unikernels) {
  EXPECT_EQ(unikernels("refill --quick --runs 1", 1), 2u);  // parked and rehearsed
}

TEST_F(BenchProgram, counts_lives) {
  auto churn = of_metric(rows("churn --technology container --quick --runs 1"), "churn");
  ASSERT_EQ(churn.size(), 2u);  // one client and eight
  for (const Json& row : churn) {
    EXPECT_EQ(row["n"].integer(), 2) << row["reason"].text();  // a figure for each second
    EXPECT_GT(row["min"].number(), 0) << row["mode"].text();
  }
}

TEST_F(BenchProgram, wrong_usage_is_told_apart) {
  EXPECT_EQ(WEXITSTATUS(run("instantation").status), 2);
  EXPECT_EQ(WEXITSTATUS(run("--help").status), 0);
}

}  // namespace
}  // namespace vireo
