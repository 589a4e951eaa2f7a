// SPDX-License-Identifier: Apache-2.0
#include "host/profile.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "host/files.h"

namespace vireo {
namespace {

std::string text_of(const std::string& path) {
  std::string text = read_file(path).value_or("");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

uint64_t number_of(const std::string& path) { return parse_number(text_of(path)).value_or(0); }

// "MemTotal:       24605132 kB"
uint64_t kibibytes_of(const std::string& text, const std::string& name) {
  size_t at = text.find(name + ":");
  if (at == std::string::npos) return 0;
  size_t digit = text.find_first_of("0123456789", at);
  size_t end = text.find_first_not_of("0123456789", digit);
  return parse_number(text.substr(digit, end - digit)).value_or(0) * 1024;
}

std::string processor_of(const std::string& root) {
  std::string text = text_of(root + "/proc/cpuinfo");
  size_t at = text.find("model name");
  if (at == std::string::npos) return "unknown";
  size_t from = text.find(": ", at) + 2;
  return text.substr(from, text.find('\n', from) - from);
}

std::string cgroup_mode(const std::string& root) {
  std::string mounts = text_of(root + "/proc/self/mounts");
  bool v1 = mounts.find(" cgroup ") != std::string::npos;
  bool v2 = mounts.find(" cgroup2 ") != std::string::npos;
  return v1 && v2 ? "hybrid" : v1 ? "v1" : v2 ? "v2" : "none";
}

// Documentation/admin-guide/LSM/apparmor.rst. Where another module speaks first, it owns
// attr/current; attr/apparmor/current is there since Linux 5.1.
std::string apparmor_of(const std::string& root) {
  if (!text_of(root + "/sys/module/apparmor/parameters/enabled").starts_with('Y')) return "off";
  const std::string label = text_of(root + "/proc/self/attr/apparmor/current");
  return label.empty() ? text_of(root + "/proc/self/attr/current") : label;
}

uint64_t open_files_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : 0;
}

std::vector<HostLimit> limits_of(const std::string& root) {
  auto sysctl = [&](const char* path) { return number_of(root + "/proc/sys/" + path); };
  std::vector<HostLimit> limits = {
      {"processes", sysctl("kernel/pid_max"), 65536, "sysctl -w kernel.pid_max=4194304"},
      {"open files", open_files_limit(), 20000, "LimitNOFILE=1048576 in vireod.service"},
      {"user namespaces", sysctl("user/max_user_namespaces"), 4096,
       "sysctl -w user.max_user_namespaces=65536"},
      {"network namespaces", sysctl("user/max_net_namespaces"), 4096,
       "sysctl -w user.max_net_namespaces=65536"},
      {"IPv4 neighbours", sysctl("net/ipv4/neigh/default/gc_thresh3"), 1024,
       "sysctl -w net.ipv4.neigh.default.gc_thresh3=65536"},
      {"IPv6 neighbours", sysctl("net/ipv6/neigh/default/gc_thresh3"), 1024,
       "sysctl -w net.ipv6.neigh.default.gc_thresh3=65536"},
      {"inotify instances", sysctl("fs/inotify/max_user_instances"), 128,
       "sysctl -w fs.inotify.max_user_instances=8192"},
      {"threads", sysctl("kernel/threads-max"), 16384, "sysctl -w kernel.threads-max=131072"},
      {"memory maps", sysctl("vm/max_map_count"), 65530, "sysctl -w vm.max_map_count=262144"},
  };
  // Neighbour tables are set in the host's own network namespace, and seen nowhere else.
  std::erase_if(limits, [](const HostLimit& limit) { return limit.value == 0; });
  return limits;
}

}  // namespace

HostProfile read_host_profile(const std::string& root) {
  HostProfile profile;
  utsname system{};
  if (::uname(&system) == 0) profile.kernel = system.release;
  profile.processor = processor_of(root);
  profile.cpus = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  std::string memory = text_of(root + "/proc/meminfo");
  profile.memory = kibibytes_of(memory, "MemTotal");
  profile.memory_available = kibibytes_of(memory, "MemAvailable");
  profile.cgroup = cgroup_mode(root);
  profile.congestion_control = text_of(root + "/proc/sys/net/ipv4/tcp_congestion_control");
  profile.apparmor = apparmor_of(root);
  profile.kvm_device = exists(root + "/dev/kvm");
  profile.tun = exists(root + "/dev/net/tun");
  profile.user_namespaces = number_of(root + "/proc/sys/user/max_user_namespaces") > 0;
  profile.overlay = text_of(root + "/proc/filesystems").find("overlay") != std::string::npos;
  profile.xen_dom0 = exists(root + "/dev/xen/privcmd");
  profile.limits = limits_of(root);
  return profile;
}

}  // namespace vireo
