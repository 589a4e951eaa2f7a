// SPDX-License-Identifier: Apache-2.0
// A container driver with a keeper of its own, and an image of one static program.
#pragma once
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "contract/kept_bench.h"
#include "driver/container/container_driver.h"

namespace vireo {

class ContainerBench final : public KeptBench {
 public:
  // nullptr: `skip` says why.
  static std::unique_ptr<ContainerBench> make(std::string& skip) {
    if (::geteuid() != 0) return skip = "needs root", nullptr;
    auto directory = TemporaryDirectory::make("vireo-container");
    if (!directory) return skip = directory.error().message, nullptr;
    std::unique_ptr<ContainerBench> bench(new ContainerBench(std::move(*directory)));
    bench->make_layer(bench->layer());
    std::string why = bench->open();
    if (!why.empty()) ADD_FAILURE() << why;
    return why.empty() ? std::move(bench) : nullptr;
  }
  ~ContainerBench() override {
    driver_.reset();
    end_keeper();
  }

  Driver& driver() override { return *driver_; }
  ContainerDriver& container() { return *driver_; }
  std::string technology() override { return "container"; }
  void reopen() override {
    driver_.reset();
    std::string why = open();
    ASSERT_TRUE(why.empty()) << why;
  }

  InstanceSpec spec(const InstanceId& id, std::vector<std::string> words) override {
    InstanceSpec spec;
    spec.id = id;
    spec.host_name = "probe";
    spec.technology = technology();
    spec.root.layers = {layer()};
    spec.process.arguments = {"/probe"};
    spec.process.arguments.insert(spec.process.arguments.end(), words.begin(), words.end());
    return spec;
  }
  InstanceSpec broken(const InstanceId& id) override {
    InstanceSpec spec = this->spec(id, {});
    spec.process.arguments = {"/bin/nope"};
    return spec;
  }

  std::string layer() const { return path("layer"); }
  // The probe program and the directories that mounts go over.
  void make_layer(const std::string& at) {
    for (const char* name : {"proc", "dev", "sys", "etc", "work"})
      EXPECT_TRUE(make_directories(fmt::format("{}/{}", at, name)));
    auto program = read_file(PROBE_PROGRAM);
    EXPECT_TRUE(program);
    EXPECT_TRUE(replace_file(at + "/probe", *program, 0755));
    EXPECT_TRUE(replace_file(at + "/etc/hosts", "of the image\n"));
  }

 private:
  using KeptBench::KeptBench;
  std::string open() {
    ContainerOptions options{.ids = ids_};
    options.state_dir = path("state");
    options.runtime_dir = path("run");
    options.log_dir = path("log");
    options.keeper_program = KEEPER_PROGRAM;
    options.enter_program = ENTER_PROGRAM;
    options.cgroup_name = cgroup_name();
    auto opened = make_directories(options.runtime_dir);
    auto driver = ContainerDriver::open(options);
    if (!driver) return driver.error().message;
    driver_ = std::move(*driver);
    return {};
  }

  std::unique_ptr<ContainerDriver> driver_;
};

}  // namespace vireo
