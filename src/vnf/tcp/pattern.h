// SPDX-License-Identifier: Apache-2.0
// A stream whose every byte is known by its place, so that whoever has it can compare it. The
// period is a prime: no segment, page or window is a multiple of it, and what arrives at a wrong
// place differs. It begins with zeroes: an iperf 2 server takes such a stream for one without
// options.
#pragma once
#include "vnf/bytes.h"

namespace vireo::vnf::tcp {

class Pattern {
 public:
  static constexpr uint32_t period = 4093;

  void prepare() {
    for (uint32_t i = 0; i < sizeof bytes_; i++) bytes_[i] = at(i);
  }
  static uint8_t at(uint64_t offset) {
    const auto place = static_cast<uint32_t>(offset % period);
    return static_cast<uint8_t>(place < 64 ? 0 : (place * place) >> 7 ^ place);
  }
  void fill(uint64_t offset, uint8_t* to, uint32_t count) const {
    each_run(offset, count, [&](const uint8_t* from, uint32_t run) {
      copy_bytes(to, from, run);
      to += run;
      return true;
    });
  }
  bool matches(uint64_t offset, const uint8_t* bytes, uint32_t count) const {
    return each_run(offset, count, [&](const uint8_t* from, uint32_t run) {
      const bool same = same_bytes(bytes, from, run);
      bytes += run;
      return same;
    });
  }

 private:
  template <class Visit>
  bool each_run(uint64_t offset, uint32_t count, Visit visit) const {
    while (count > 0) {
      const auto place = static_cast<uint32_t>(offset % period);
      const uint32_t room = static_cast<uint32_t>(sizeof bytes_) - place;
      const uint32_t run = count < room ? count : room;
      if (!visit(bytes_ + place, run)) return false;
      offset += run;
      count -= run;
    }
    return true;
  }
  uint8_t bytes_[4 * period] = {};
};

}  // namespace vireo::vnf::tcp
