// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>

#include "bench/probe/size_probe.h"
#include "host/files.h"

namespace vireo::bench {
namespace {

constexpr double megabyte = 1e6;
constexpr const char* suffix = ".elf";

struct Largest {
  std::string name;
  double bytes = 0;
};

bool ends_traffic(const std::string& name) { return name.starts_with("tcp-"); }

class UnikernelSizeProbe final : public Probe {
 public:
  explicit UnikernelSizeProbe(SizeOptions options) : options_(std::move(options)) {}

  std::vector<Row> rows() const override {
    std::vector<Row> rows;
    for (const bool tcp : {false, true}) {
      Row row;
      row.metric = "image_size";
      row.technology = "unikernel.vireo.kvm";
      row.mode = row.key = tcp ? "function with TCP" : "packet function";
      row.accelerator = "kvm";
      row.unit = "MB";
      row.source = fmt::format("{}, which boots by itself", largest(tcp).name);
      rows.push_back(row);
    }
    return rows;
  }

  Result<void> prepare() override {
    if (largest(false).bytes > 0 && largest(true).bytes > 0) return {};
    return Error{Errc::not_found, fmt::format("{} has no unikernel images", folder())};
  }

  Result<Sample> measure() override {
    Sample sample;
    sample.values["packet function"] = largest(false).bytes / megabyte;
    sample.values["function with TCP"] = largest(true).bytes / megabyte;
    return sample;
  }

  void clean_up() noexcept override {}

 private:
  std::string folder() const { return options_.programs + "/functions"; }

  Largest largest(bool tcp) const {
    Largest found;
    for (const std::string& name : list_directory(folder()).value_or({})) {
      std::error_code error;
      const auto bytes = std::filesystem::file_size(folder() + "/" + name, error);
      if (!name.ends_with(suffix) || ends_traffic(name) != tcp || error) continue;
      if (static_cast<double>(bytes) > found.bytes) found = {name, static_cast<double>(bytes)};
    }
    return found;
  }

  SizeOptions options_;
};

}  // namespace

std::unique_ptr<Probe> make_unikernel_size_probe(const SizeOptions& options) {
  return std::make_unique<UnikernelSizeProbe>(options);
}

}  // namespace vireo::bench
