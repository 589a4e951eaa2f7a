// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/size_probe.h"

#include <fmt/format.h>

#include "bench/probe/commands.h"
#include "bench/probe/lab.h"

namespace vireo::bench {
namespace {

constexpr const char* function = "nat";  // the largest of ours
constexpr const char* packet_mode = "packet function";
constexpr double megabyte = 1e6;

std::vector<Row> size_rows(const SizeOptions& options, const Row& common) {
  Row row = common;
  row.metric = "image_size";
  row.unit = "MB";
  row.mode = row.key = packet_mode;
  row.source = fmt::format("{}, unpacked", function);
  std::vector<Row> rows{row};
  if (options.foreign_archive.empty()) return rows;
  row.mode = row.key = fmt::format("foreign, {}", options.foreign_name);
  row.source = fmt::format("{} and its libraries, unpacked", options.foreign_name);
  rows.push_back(row);
  return rows;
}

class SizeProbe final : public Probe {
 public:
  explicit SizeProbe(SizeOptions options) : options_(std::move(options)) {}

  std::vector<Row> rows() const override {
    Row common;
    common.technology = "container";
    common.accelerator = "none";
    return size_rows(options_, common);
  }

  Result<void> prepare() override {
    lab_ = TRY(Lab::start({options_.program, 0}));
    TRY(lab_->build_functions({function}));
    if (options_.foreign_archive.empty()) return {};
    TRY(lab_->import_image(options_.foreign_archive, "bench/foreign", Json::object()));
    return {};
  }

  Result<Sample> measure() override {
    Sample sample;
    for (const Row& row : rows()) {
      bool ours = row.key == packet_mode;
      std::string reference = ours ? fmt::format("vireo/{}", function) : "bench/foreign";
      Json image = TRY(lab_->get("/v1/images/" + percent_encode(reference)));
      sample.values[row.key] = image["unpacked_size"].number() / megabyte;
    }
    return sample;
  }

  void clean_up() noexcept override { lab_.reset(); }

 private:
  SizeOptions options_;
  std::unique_ptr<Lab> lab_;
};

class DockerSizeProbe final : public Probe {
 public:
  DockerSizeProbe(SizeOptions options, std::shared_ptr<DockerDaemon> docker)
      : options_(std::move(options)), docker_(std::move(docker)) {}

  std::vector<Row> rows() const override {
    Row common;
    common.peer = docker_->name();
    common.accelerator = "none";
    return size_rows(options_, common);
  }

  Result<void> prepare() override {
    TRY(docker_->start());
    std::string archive = options_.work_folder + "/function.tar";
    TRY(run_script(
        fmt::format("tar -C '{}/functions' -cf '{}' {}", options_.programs, archive, function)));
    TRY(docker_->load("function", archive, {fmt::format("/{}", function)}));
    if (options_.foreign_archive.empty()) return {};
    return docker_->load("foreign", options_.foreign_archive, {"/"});
  }

  Result<Sample> measure() override {
    Sample sample;
    for (const Row& row : rows()) {
      const char* image = row.key == packet_mode ? "function" : "foreign";
      std::string text = TRY(docker_->ask("GET", fmt::format("/images/{}:1/json", image)));
      Json json = TRY(parse_json(text));
      sample.values[row.key] = json["Size"].number() / megabyte;
    }
    return sample;
  }

  void clean_up() noexcept override {}

 private:
  SizeOptions options_;
  std::shared_ptr<DockerDaemon> docker_;
};

}  // namespace

std::unique_ptr<Probe> make_size_probe(const SizeOptions& options) {
  return std::make_unique<SizeProbe>(options);
}

std::unique_ptr<Probe> make_docker_size_probe(const SizeOptions& options,
                                              std::shared_ptr<DockerDaemon> docker) {
  return std::make_unique<DockerSizeProbe>(options, std::move(docker));
}

}  // namespace vireo::bench
