// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/spares.h"

#include <fmt/format.h>

#include <thread>

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr unsigned link_room = 50;  // instances of one link: neighbours know each other

}  // namespace

Result<std::unique_ptr<Spares>> Spares::start(const SparesOptions& options) {
  LabOptions lab_options;
  lab_options.program = options.program;
  lab_options.pool = options.count;  // as many programs are loaded ahead
  lab_options.start_tier = options.tier;
  lab_options.keep_loaded = std::to_string(options.keep.count());
  std::unique_ptr<Lab> lab = TRY(Lab::start(lab_options));
  TRY(lab->expect_possible(technology));
  TRY(lab->build_functions({"responder"}));
  std::unique_ptr<Spares> spares(new Spares(options.count, std::move(lab)));
  TRY(spares->start_all());
  TRY(spares->wait_for(options.count, 30s));
  return spares;
}

std::string Spares::descriptor() const {
  std::string text = "vireo: 1\nservice: bench\nlinks:\n";
  for (unsigned i = 0; i <= count_ / link_room; i++)
    text += fmt::format("  lan{0}: {{ subnet: 10.90.{0}.0/24 }}\n", i);
  text += "functions:\n";
  for (unsigned i = 0; i < count_; i++)
    text += fmt::format(
        "  f{0}: {{ image: vireo/responder, technology: {1}, environment: {{ NUMBER: \"{0}\" }}, "
        "ports: [ lan{2} ] }}\n",
        i, technology, i / link_room);
  return text;
}

Result<void> Spares::start_all() {
  TRY(lab_->run(descriptor()));
  return {};
}

Result<void> Spares::remove_all() {
  TRY(lab_->remove("bench"));
  return {};
}

Result<unsigned> Spares::loaded() {
  return static_cast<unsigned>(TRY(lab_->pool_value("loaded", technology)));
}

Result<void> Spares::wait_full(std::chrono::milliseconds limit) {
  return lab_->wait_for_pool(limit, technology);
}

Result<double> Spares::refill_rate() {
  const double spares = TRY(lab_->pool_value("last_refill_loads", technology));
  if (spares != count_)
    return Error{Errc::unavailable,
                 fmt::format("the pool made {} spares at once, not {}", spares, count_)};
  return spares / TRY(lab_->pool_value("last_refill_seconds", technology));
}

Result<void> Spares::wait_for(unsigned loaded, std::chrono::milliseconds limit) {
  unsigned found = 0;
  const auto end = std::chrono::steady_clock::now() + limit;
  do {
    found = TRY(this->loaded());
    if (found == loaded) return {};
    std::this_thread::sleep_for(50ms);
  } while (std::chrono::steady_clock::now() < end);
  return Error{Errc::timed_out, fmt::format("{} spares are loaded, not {}", found, loaded)};
}

}  // namespace vireo::bench
