// SPDX-License-Identifier: Apache-2.0
// A private daemon with functions in a row between the bench's own end and a container, and frames
// through them.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "bench/probe/frame_end.h"
#include "bench/probe/lab.h"

namespace vireo::bench {

struct Hop {
  std::string name, technology;
  std::string function;  // "forwarder": the image vireo/forwarder
  std::string config{};  // its mapping in a descriptor; "": none
};

struct HopsOptions {
  std::string program;  // vireod
  std::string archive;  // root archive of the far end
  std::vector<std::string> entry;
  // Of the bench's end, "10.97.0": each lab has its own, as all have addresses in one namespace.
  std::string network;
  // That the far end has, when a function between the two routes; "": `network`.
  std::string far_network{};
  std::string packet_ports{};  // as of LabOptions
};

// Blocking; one thread.
class Hops {
 public:
  // The daemon with all images; Errc::unsupported when this host cannot run a hop's technology.
  static Result<std::unique_ptr<Hops>> start(const HopsOptions& options, std::vector<Hop> hops);

  // The row anew, without a flow of before; from the far end on, the last hop is the bench's.
  Result<void> run();
  Result<void> remove();
  std::string far_address() const;
  Result<Json> function(const std::string& name);
  const std::vector<Hop>& hops() const { return hops_; }
  const FrameEnd& near() const { return *near_; }  // after run()
  const FrameEnd& far() const { return *far_; }
  // From the bench's end toward the far one: by its MAC, or by that of the router before it.
  Datagram datagram() const { return datagram_; }
  // Frames of `size` bytes toward the far end for so long. Errc::unavailable: none came through.
  Result<StreamFigures> send_frames(size_t size, std::chrono::milliseconds duration) const;

 private:
  Hops(HopsOptions options, std::vector<Hop> hops, std::unique_ptr<Lab> lab)
      : options_(std::move(options)), hops_(std::move(hops)), lab_(std::move(lab)) {}
  std::string descriptor() const;
  Result<void> open_ends();
  bool routed() const { return !options_.far_network.empty(); }

  HopsOptions options_;
  std::vector<Hop> hops_;
  std::unique_ptr<Lab> lab_;
  std::optional<FrameEnd> near_, far_;
  Datagram datagram_;
};

}  // namespace vireo::bench
