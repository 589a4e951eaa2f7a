// SPDX-License-Identifier: Apache-2.0
// Makes instances' root file systems and device files, in a mount namespace of its own: what must
// be attached for a moment (an overlay's layers) is never seen by the host.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "driver/container/plan/container_plan.h"
#include "driver/worker.h"

namespace vireo {

// Thread-safe.
class MountRoom {
 public:
  // `place`: a directory of the driver's own; the mounts on it are seen from inside only.
  static Result<std::unique_ptr<MountRoom>> open(const std::string& place);

  // A detached, read-only copy of the /dev that all instances share: null, zero, full, random,
  // urandom and tty, made once by the host's root. An instance cannot make a node itself, so this
  // is its device list.
  Result<Fd> device_files();

  // What an overlay is made of.
  struct Overlay {
    std::vector<Fd> layers;  // detached, with shifted owners; lowest first
    RootNeeds top;           // made in a topmost lower layer of its own
    uint32_t owner = 0;      // host id of the instance's root
    std::string upper;       // "": read-only; else holds directories "upper" and "work"
  };
  Result<Fd> overlay(Overlay parts);

 private:
  explicit MountRoom(std::string place) : place_(std::move(place)) {}
  Result<void> move_in();
  Result<void> make_device_files();
  Result<Fd> make_overlay(const Overlay& parts, const std::string& place);
  std::string place_;
  Fd workspace_;            // the private root's directory
  unsigned long next_ = 0;  // of the worker's thread
  Worker worker_;           // last: ends before what it uses
};

// What of `needs` the layers lack. Errc::invalid when /dev, /proc or /sys of the image is a link.
Result<RootNeeds> missing_in(const std::vector<std::string>& layers, const RootNeeds& needs);

// The instance's root as a detached mount: one complete read-only layer is bound as it is, all
// else is an overlay (which cannot have shifted owners itself: its layers do).
struct RootRequest {
  const RootFileSystem& root;
  RootNeeds missing;  // what the layers lack
  int user_namespace = -1;
  uint32_t owner = 0;
  std::string upper;  // a directory for a writable root's changes; made here
};
Result<Fd> make_root(MountRoom& room, const RootRequest& request);

}  // namespace vireo
