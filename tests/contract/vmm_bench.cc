// SPDX-License-Identifier: Apache-2.0
#include "contract/vmm_bench.h"

#include <unistd.h>

#include <cstring>

#include "base/text.h"
#include "contract/unikernel_probe.h"
#include "host/kvm_probe.h"

namespace vireo {

namespace {

using namespace std::chrono_literals;
constexpr auto longest_poll = 1s;

// The probe's image that does as `word` says: "exit:N", or else serves.
std::string elf_of(std::string_view word) {
  std::string elf = read_file(UNIKERNEL_PROBE).value_or("");
  const size_t at = elf.find(std::string_view(probe_serves.magic, sizeof probe_serves.magic));
  EXPECT_NE(at, std::string::npos);
  if (at == std::string::npos || (!word.starts_with("exit:") && word != "busy")) return elf;
  ProbeMode mode = probe_serves;
  mode.busy = word == "busy";
  if (!mode.busy) mode.exit_code = static_cast<int32_t>(parse_number(word.substr(5)).value_or(0));
  std::memcpy(elf.data() + at, &mode, sizeof mode);
  return elf;
}

}  // namespace

std::unique_ptr<VmmBench> VmmBench::make(std::string& skip, StartTier quickest) {
  if (::geteuid() != 0) return skip = "needs root", nullptr;
  const KvmProbe probe = probe_kvm(open_kvm());
  if (!probe.runs_user_mode()) return skip = "not run: " + probe.why, nullptr;
  auto directory = TemporaryDirectory::make("vireo-vmm");
  if (!directory) return skip = directory.error().message, nullptr;
  std::unique_ptr<VmmBench> bench(new VmmBench(std::move(*directory)));
  bench->quickest_ = quickest;
  std::string why = bench->open();
  if (!why.empty()) ADD_FAILURE() << why;
  return why.empty() ? std::move(bench) : nullptr;
}

VmmBench::~VmmBench() {
  driver_.reset();
  end_keeper();
}

std::string VmmBench::open() {
  VmmOptions options{.ids = ids_};
  options.state_dir = path("state");
  options.runtime_dir = path("run");
  options.log_dir = path("log");
  options.keeper_program = KEEPER_PROGRAM;
  options.vmm_program = VMM_PROGRAM;
  options.cgroup_name = cgroup_name();
  options.quickest = quickest_;
  if (auto made = make_directories(options.runtime_dir); !made) return made.error().message;
  auto driver = VmmDriver::open(options);
  if (!driver) return driver.error().message;
  driver_ = std::move(*driver);
  return {};
}

void VmmBench::reopen() {
  driver_.reset();
  std::string why = open();
  ASSERT_TRUE(why.empty()) << why;
}

InstanceSpec VmmBench::spec_of(const InstanceId& id, const std::string& image,
                               const std::string& elf) {
  const std::string layer = path(image);
  EXPECT_TRUE(make_directories(layer));
  EXPECT_TRUE(replace_file(layer + "/function.elf", elf));
  InstanceSpec spec;
  spec.id = id;
  spec.technology = technology();
  spec.image_digest = image;
  spec.root.layers = {layer};
  spec.function = FunctionStart{};
  if (polls_) spec.resources.poll = longest_poll;
  return spec;
}

InstanceSpec VmmBench::spec(const InstanceId& id, std::vector<std::string> words) {
  return spec_of(id, "image-" + words.at(0), elf_of(words.at(0)));
}

InstanceSpec VmmBench::broken(const InstanceId& id) {
  return spec_of(id, "image-broken", elf_of("sleep").substr(0, 100));
}

}  // namespace vireo
