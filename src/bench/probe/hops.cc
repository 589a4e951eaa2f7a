// SPDX-License-Identifier: Apache-2.0
#include "bench/probe/hops.h"

#include <fmt/format.h>

#include "host/namespace.h"

namespace vireo::bench {
namespace {

constexpr uint16_t port = 7009;

// Of the function's port on the bench's link.
Result<MacAddress> near_mac(const Json& function) {
  for (const Json& each : function["ports"].items())
    if (each["link"].text().ends_with("near")) return parse_mac(each["mac"].text());
  return Error{Errc::not_found, fmt::format("{} has no port on the bench's link: {}",
                                            function["function"].text(), function["ports"].dump())};
}

}  // namespace

Result<std::unique_ptr<Hops>> Hops::start(const HopsOptions& options, std::vector<Hop> hops) {
  LabOptions lab_options;
  lab_options.program = options.program;
  lab_options.pool = 0;
  lab_options.packet_ports = options.packet_ports;
  std::unique_ptr<Lab> lab = TRY(Lab::start(lab_options));
  for (const Hop& hop : hops) TRY_IN(hop.technology, lab->expect_possible(hop.technology));
  TRY(lab->import_image(options.archive, "bench/far",
                        Json().set("Entrypoint", json_of(options.entry))));
  for (const Hop& hop : hops) TRY(lab->build_functions({hop.function}));
  return std::unique_ptr<Hops>(new Hops(options, std::move(hops), std::move(lab)));
}

std::string Hops::far_address() const {
  return (routed() ? options_.far_network : options_.network) + ".20";
}

std::string Hops::descriptor() const {
  std::string text = fmt::format(
      "vireo: 1\nservice: bench\nlinks:\n  near: {{ subnet: {0}.0/24, host: {0}.1 }}\n  far: {1}\n"
      "functions:\n  end: {{ image: bench/far, ports: [{{ link: far, address: {2} }}] }}\n",
      options_.network,
      routed() ? fmt::format("{{ subnet: {}.0/24 }}", options_.far_network) : "{}", far_address());
  std::string chain = "far";
  for (const Hop& hop : hops_) {
    text += fmt::format("  {}: {{ image: vireo/{}, technology: {}{} }}\n", hop.name, hop.function,
                        hop.technology, hop.config.empty() ? "" : ", config: " + hop.config);
    chain += ", " + hop.name;
  }
  return text + fmt::format("chain: [ {}, near ]\n", chain);
}

Result<void> Hops::run() {
  TRY(lab_->run(descriptor()));
  return open_ends();
}

Result<void> Hops::remove() {
  near_.reset();
  far_.reset();
  TRY(lab_->remove("bench"));
  return {};
}

Result<Json> Hops::function(const std::string& name) {
  return lab_->get("/v1/services/bench/functions/" + name);
}

Result<StreamFigures> Hops::send_frames(size_t size, std::chrono::milliseconds duration) const {
  const std::vector<uint8_t> frame = frame_of(datagram_, size);
  Stream stream;
  stream.duration = duration;
  stream.next = [&](std::vector<uint8_t>& next) {
    if (next.size() != frame.size()) next = frame;  // a buffer that has been filled stays so
    return true;
  };
  const StreamFigures figures = TRY(run_stream(*near_, *far_, stream));
  if (figures.arrived > 0) return figures;
  return Error{Errc::unavailable,
               fmt::format("of {} frames of {} bytes none came through", figures.sent, size)};
}

Result<void> Hops::open_ends() {
  const IpAddress own = TRY(parse_ip(options_.network + ".1"));
  const IpAddress other = TRY(parse_ip(far_address()));
  near_ = TRY(FrameEnd::open(own));
  const Json end = TRY(function("end"));
  const Fd inside = TRY(namespace_of(static_cast<int>(end["pid"].integer()), "net"));
  {
    const NamespaceScope scope = TRY(NamespaceScope::enter(inside));
    far_ = TRY(FrameEnd::open(other));
  }
  MacAddress next = far_->mac();
  if (routed()) {
    const Json router = TRY(function(hops_.back().name));
    next = TRY(near_mac(router));
  }
  datagram_ = {near_->mac(), next, own, other, port, port};
  return {};
}

}  // namespace vireo::bench
