// SPDX-License-Identifier: Apache-2.0
// What an instance can see and do, from the inside; each test stands for an escape that happened
// to another runtime.
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "contract/container_safety_fixture.h"

namespace vireo {
namespace {

TEST_F(ContainerSafety, foreign_program_has_the_standard_descriptors_only) {
  EXPECT_HOLDS(run(bench_->spec("a", {"fds"})), "fds: 0 1 2\n");
}

TEST_F(ContainerSafety, function_has_its_own_descriptors_only) {
  InstanceSpec spec = bench_->spec("a", {"fds"});
  spec.function = FunctionStart{"config", 0, 0};
  std::vector<PortEndpoint> ports;
  for (const char* name : {"port0", "port1"}) {
    auto fd = open_path("/dev/null", O_RDWR);
    ASSERT_TRUE(fd);
    ports.push_back({PortKind::tap, std::move(*fd), name});
    spec.ports.push_back({});
  }
  auto started = start(spec, std::move(ports));
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_HOLDS(output_of("a"), "fds: 0 1 2 3\n");
}

// /dev/null knows none of these: what reaches it is answered "Inappropriate ioctl for device".
TEST_F(ContainerSafety, the_tap_behind_a_port_stays_as_it_is) {
  InstanceSpec spec = bench_->spec("a", {"requests"});
  spec.function = FunctionStart{"config", 0, 0};
  auto fd = open_path("/dev/null", O_RDWR);
  ASSERT_TRUE(fd);
  std::vector<PortEndpoint> ports;
  ports.push_back({PortKind::tap, std::move(*fd), "port0"});
  spec.ports.push_back({});
  ASSERT_TRUE(start(spec, std::move(ports)));
  std::string all = output_of("a");
  for (const char* request : {"400454e2", "400454cb", "8924"})
    EXPECT_HOLDS(all, fmt::format("request {}: Operation not permitted", request));
  EXPECT_HOLDS(all, "request 5401: Inappropriate ioctl for device");
}

TEST_F(ContainerSafety, holds_no_right_and_gains_none) {
  std::string all = run(bench_->spec("a", {"inspect", "/proc/self/status"}));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_HOLDS(all, fmt::format("{}:\t0000000000000000", set));
  EXPECT_HOLDS(all, "NoNewPrivs:\t1");
  EXPECT_HOLDS(all, "Seccomp:\t2");
  EXPECT_HOLDS(all, "uid 0 gid 0 pid 1 cwd / host probe");
}

TEST_F(ContainerSafety, another_user_keeps_a_declared_capability) {
  InstanceSpec spec = bench_->spec("a", {"inspect", "/proc/self/status"});
  spec.process.uid = 101;
  spec.process.gid = 102;
  spec.process.groups = {7};
  spec.capabilities = {"CAP_NET_BIND_SERVICE"};
  std::string all = run(spec);
  EXPECT_HOLDS(all, "uid 101 gid 102");
  EXPECT_HOLDS(all, "Groups:\t7");
  EXPECT_HOLDS(all, "CapEff:\t0000000000000400");
  EXPECT_HOLDS(all, "CapBnd:\t0000000000000400");
}

TEST_F(ContainerSafety, cannot_leave) {
  std::string all = run(bench_->spec("a", {"escape"}));
  for (const char* call : {"unshare", "open_tree", "mount", "chroot", "mknod", "ptrace"}) {
    EXPECT_HOLDS(all, fmt::format("{}: Operation not permitted", call));
  }
}

TEST_F(ContainerSafety, kernel_trees_are_read_only_and_masked) {
  InstanceSpec spec =
      bench_->spec("a", {"write", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/core_pattern",
                         "/proc/sysrq-trigger", "/etc/hosts", "/new", "/dev/new", "/dev/null",
                         "/dev/shm/x", "/sys/kernel/uevent_helper"});
  // Its right over its own network: only the read-only mount keeps it from writing the first.
  spec.capabilities = {"CAP_NET_ADMIN"};
  std::string all = run(spec);
  EXPECT_HOLDS(all, "write /proc/sys/net/ipv4/ip_forward: Read-only file system");
  EXPECT_HOLDS(all, "write /etc/hosts: Read-only file system");
  EXPECT_HOLDS(all, "write /new: Read-only file system");
  EXPECT_HOLDS(all, "write /dev/new: Read-only file system");
  EXPECT_HOLDS(all, "write /dev/null: ok");
  EXPECT_HOLDS(all, "write /dev/shm/x: ok");
  for (const char* path : {"core_pattern", "sysrq-trigger", "uevent_helper"})
    EXPECT_FALSE(holds(all, fmt::format("{}: ok", path))) << all;
  std::string masked = run(bench_->spec("b", {"inspect", "/proc/keys", "/proc/interrupts"}));
  EXPECT_HOLDS(masked, "/proc/keys: \n");
  EXPECT_HOLDS(masked, "/proc/interrupts: \n");
}

TEST_F(ContainerSafety, files_are_put_and_do_not_touch_the_image) {
  InstanceSpec spec = bench_->spec("a", {"inspect", "/etc/hosts", "/etc/app/new.conf"});
  spec.files = {{"/etc/hosts", "ours", 0644}, {"/etc/app/new.conf", "also ours", 0644}};
  std::string all = run(spec);
  EXPECT_HOLDS(all, "/etc/hosts: ours");
  EXPECT_HOLDS(all, "/etc/app/new.conf: also ours");
  EXPECT_EQ(*read_file(bench_->layer() + "/etc/hosts"), "of the image\n");
  EXPECT_FALSE(exists(bench_->layer() + "/etc/app"));
}

TEST_F(ContainerSafety, upper_layer_wins_and_writes_are_the_instance_s_own) {
  ASSERT_TRUE(make_directories(bench_->path("upper/etc")));
  ASSERT_TRUE(replace_file(bench_->path("upper/etc/hosts"), "of the upper layer"));
  InstanceSpec spec = bench_->spec("a", {"write", "/new", "/work/x"});
  spec.root.layers.push_back(bench_->path("upper"));
  spec.root.writable = true;
  std::string all = run(spec);
  EXPECT_HOLDS(all, "write /new: ok");
  EXPECT_FALSE(exists(bench_->layer() + "/new"));
  auto roots = list_directory(bench_->path("state/roots"));
  ASSERT_TRUE(roots);
  ASSERT_EQ(roots->size(), 1u);
  struct stat status {};
  std::string written = bench_->path(fmt::format("state/roots/{}/upper/new", (*roots)[0]));
  ASSERT_EQ(::stat(written.c_str(), &status), 0);
  EXPECT_GE(status.st_uid, first_host_id);  // no file of the host's root
  InstanceSpec reader = bench_->spec("b", {"inspect", "/etc/hosts"});
  reader.root.layers.push_back(bench_->path("upper"));
  EXPECT_HOLDS(run(reader), "/etc/hosts: of the upper layer");
}

TEST_F(ContainerSafety, writable_path_of_a_read_only_root) {
  InstanceSpec spec = bench_->spec("a", {"write", "/work/x", "/var/run/y", "/etc/z"});
  spec.root.writable_paths = {"/work", "/var/run"};
  std::string all = run(spec);
  EXPECT_HOLDS(all, "write /work/x: ok");
  EXPECT_HOLDS(all, "write /var/run/y: ok");
  EXPECT_HOLDS(all, "write /etc/z: Read-only file system");
  EXPECT_FALSE(exists(bench_->layer() + "/work/x"));
}

TEST_F(ContainerSafety, linked_trees_of_an_image_are_refused_and_stay_untouched) {
  for (const char* tree : {"dev", "proc", "sys"}) {
    std::string layer = bench_->path(std::string("linked-") + tree);
    std::string target = bench_->path(std::string("target-") + tree);
    bench_->make_layer(layer);
    ASSERT_TRUE(make_directories(target));
    ASSERT_EQ(::rmdir(fmt::format("{}/{}", layer, tree).c_str()), 0);
    ASSERT_EQ(::symlink(target.c_str(), fmt::format("{}/{}", layer, tree).c_str()), 0);
    InstanceSpec spec = bench_->spec("a", {"sleep"});
    spec.root.layers = {layer};
    auto started = start(spec);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::invalid) << started.error().message;
    EXPECT_TRUE(list_directory(target)->empty());
  }
}

TEST_F(ContainerSafety, working_directory_outside_is_refused) {
  for (int fd = 3; fd < 20; ++fd) {
    InstanceSpec spec = bench_->spec("a", {"sleep"});
    spec.process.working_directory = fmt::format("/proc/self/fd/{}", fd);
    auto started = start(spec);
    ASSERT_FALSE(started) << fd;
    EXPECT_TRUE(holds(started.error().message, "working directory")) << started.error().message;
  }
  InstanceSpec inside = bench_->spec("b", {"inspect"});
  inside.process.working_directory = "/work";
  EXPECT_HOLDS(run(inside), "cwd /work");
}

TEST_F(ContainerSafety, failed_start_names_the_program) {
  auto started = start(bench_->broken("a"));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, "start a: cannot run `/bin/nope`: No such file or directory");
}

TEST_F(ContainerSafety, environment_is_the_specification_s) {
  InstanceSpec spec = bench_->spec("a", {"environment"});
  spec.process.environment = {"A=b"};
  std::string all = run(spec);
  EXPECT_HOLDS(all, "F A=b");
  EXPECT_HOLDS(all, "F PATH=/usr/local/sbin");
  EXPECT_EQ(split(all, '\n').size(), 4u) << all;  // and "done", and the last line's end
}

TEST_F(ContainerSafety, out_of_memory_is_told_apart) {
  InstanceSpec spec = bench_->spec("a", {"memory:200"});
  spec.resources.memory = 16u << 20;
  auto started = start(spec);
  ASSERT_TRUE(started) << started.error().message;
  std::vector<DriverEvent> events;
  for (int i = 0; i < 200 && events.empty(); ++i) {
    pollfd wanted{bench_->driver().event_fd(), POLLIN, 0};
    ::poll(&wanted, 1, 100);
    events = bench_->driver().take_events();
  }
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].exit.kind, ExitKind::out_of_memory);
}

TEST_F(ContainerSafety, reasons_of_ends_are_known_to_a_later_daemon) {
  InstanceSpec greedy = bench_->spec("a", {"memory:200"});
  greedy.resources.memory = 16u << 20;
  ASSERT_TRUE(start(greedy));
  ASSERT_TRUE(start(bench_->spec("b", {"stubborn"})));
  ASSERT_TRUE(start(bench_->spec("c", {"exit:7"})));
  ASSERT_TRUE(bench_->driver().stop("b", StopKind::kill));
  auto client = KeeperClient::connect(bench_->path("run"), KEEPER_PROGRAM);
  ASSERT_TRUE(client) << client.error().message;
  auto ended = [&] {
    auto entries = (*client)->list();
    return std::ranges::count_if(*entries, [](const KeeperEntry& each) { return each.ended; });
  };
  for (int i = 0; i < 200 && ended() < 3; ++i) {
    pollfd wanted{(*client)->event_fd(), POLLIN, 0};
    ::poll(&wanted, 1, 100);
    (void)(*client)->take_events();
  }
  bench_->reopen();  // nobody took the events
  std::map<InstanceId, ExitKind> kinds;
  auto all = bench_->driver().list();
  ASSERT_TRUE(all);
  for (const InstanceStatus& each : *all)
    if (each.exit) kinds[each.id] = each.exit->kind;
  EXPECT_EQ(kinds,
            (std::map<InstanceId, ExitKind>{
                {"a", ExitKind::out_of_memory}, {"b", ExitKind::killed}, {"c", ExitKind::code}}));
}

TEST_F(ContainerSafety, a_file_is_rewritten_while_it_runs_and_by_a_later_daemon) {
  InstanceSpec spec = bench_->spec("a", {"sleep"});
  spec.files = {{"/work/other", "another", 0644}, {"/etc/hosts", "one", 0644}};
  ASSERT_TRUE(start(spec));
  auto seen = [&] {
    auto session = bench_->driver().executor()->exec(
        "a", {{"/probe", "inspect", "/etc/hosts"}, false, 24, 80});
    EXPECT_TRUE(session) << session.error().message;
    if (!session) return std::string();
    std::string all;
    char buffer[256];
    for (ssize_t n; (n = ::read(session->out.get(), buffer, sizeof buffer)) > 0;)
      all.append(buffer, static_cast<size_t>(n));
    EXPECT_TRUE(bench_->driver().executor()->exit_code(session->id));
    return all;
  };
  EXPECT_HOLDS(seen(), "/etc/hosts: one\n");
  auto rewrite = [&](const char* path, const char* content) {
    return bench_->driver().files()->rewrite("a", {path, content, 0644});
  };
  ASSERT_TRUE(rewrite("/etc/hosts", "one and two"));
  EXPECT_HOLDS(seen(), "/etc/hosts: one and two\n");
  bench_->reopen();
  ASSERT_TRUE(rewrite("/etc/hosts", "2"));
  EXPECT_HOLDS(seen(), "/etc/hosts: 2\n");
  EXPECT_EQ(rewrite("/etc/passwd", "").error().code, Errc::not_found);
}

TEST_F(ContainerSafety, exec_with_a_terminal_of_the_instance) {
  ASSERT_TRUE(start(bench_->spec("a", {"sleep"})));
  auto session = bench_->driver().executor()->exec("a", {{"/probe", "tty"}, true, 30, 90});
  ASSERT_TRUE(session) << session.error().message;
  std::string all;
  char buffer[256];
  for (ssize_t n; (n = ::read(session->terminal.get(), buffer, sizeof buffer)) > 0;)
    all.append(buffer, static_cast<size_t>(n));
  EXPECT_HOLDS(all, "tty 1 /dev/pts/0");
  pollfd ended{session->exit.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&ended, 1, 20'000), 1);
  auto code = bench_->driver().executor()->exit_code(session->id);
  ASSERT_TRUE(code) << code.error().message;
  EXPECT_EQ(*code, 3);
}

TEST_F(ContainerSafety, function_says_ready_and_hands_its_state_over) {
  InstanceSpec spec = bench_->spec("a", {"function"});
  spec.function = FunctionStart{"config", 3, 0};
  auto started = start(spec);
  ASSERT_TRUE(started) << started.error().message;
  std::vector<DriverEvent> events;
  for (int i = 0; i < 200 && events.empty(); ++i) {
    pollfd wanted{bench_->driver().event_fd(), POLLIN, 0};
    ::poll(&wanted, 1, 100);
    events = bench_->driver().take_events();
  }
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, DriverEvent::Kind::ready);
  constexpr std::chrono::seconds deadline{20};
  auto state = bench_->driver().functions()->export_state("a", deadline);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->substr(4), "born");
  bench_->reopen();  // the keeper has kept the agent's socket
  auto set =
      bench_->driver().functions()->import_state("a", state->substr(0, 4) + "grown", deadline);
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(*bench_->driver().functions()->export_state("a", deadline),
            state->substr(0, 4) + "grown");
  auto refused = bench_->driver().functions()->import_state("a", "0000bad", deadline);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(holds(refused.error().message, "not understood"));
  EXPECT_FALSE(bench_->driver().functions()->import_state("a", "x", deadline));
}

TEST_F(ContainerSafety, death_of_the_keeper_ends_and_reports_all) {
  ASSERT_TRUE(start(bench_->spec("a", {"sleep"})));
  ASSERT_TRUE(bench_->driver().prepare({"container", true}));
  Fd keeper(static_cast<int>(::syscall(SYS_pidfd_open, bench_->keeper_pid(), 0)));
  ASSERT_TRUE(keeper);
  ASSERT_EQ(::syscall(SYS_pidfd_send_signal, keeper.get(), SIGKILL, nullptr, 0), 0);
  std::vector<DriverEvent> events;
  for (int i = 0; i < 200 && events.empty(); ++i) {
    pollfd wanted{bench_->driver().event_fd(), POLLIN, 0};
    ::poll(&wanted, 1, 100);
    events = bench_->driver().take_events();
  }
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].exit.kind, ExitKind::lost);
  EXPECT_TRUE(bench_->driver().destroy("a"));
  auto again = start(bench_->spec("a", {"sleep"}));  // by the new keeper
  EXPECT_TRUE(again) << again.error().message;
}

}  // namespace
}  // namespace vireo
