// SPDX-License-Identifier: Apache-2.0
// The draft's clock (section 4.2): an external sender floods a target with TCP SYN packets, at
// least 10,000 a second, and notes the first RST and the first answer of the function's own.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/fd.h"
#include "base/net_address.h"
#include "base/result.h"

namespace vireo::bench {

struct ProbeTarget {
  std::string interface;     // in the calling thread's network namespace
  IpAddress source, target;  // IPv4
  MacAddress target_mac;     // no ARP: the target may not exist yet
  uint16_t port = 0;
  // What the function itself answers with: a SYN-ACK; or, when it has no port open, with a RST,
  // which then is no kernel's.
  bool resets = false;
  std::chrono::microseconds gap{90};  // between SYNs: 11,000 a second, as the draft's clock wants
  // Ahead of everybody's threads, as a sender outside would be; for few packets: many would take
  // the processor from what they time.
  bool punctual = false;
};

// Sends between reset() and pause(), on a thread of its own that keeps a processor busy meanwhile:
// only the prober of what is being measured may run. Frames go through a packet socket,
// so that no table of the sender's kernel stands in the way.
class SynProber {
 public:
  static Result<std::unique_ptr<SynProber>> open(const ProbeTarget& target);
  ~SynProber();

  // Forgets what came so far and sends: the next answers count from now.
  void reset();
  void pause();
  // The first answers since reset(); the function's own is waited for until `deadline`.
  struct Answers {
    std::optional<SteadyTime> rst, own;
    double rate = 0;  // SYN packets a second, since reset()
  };
  Answers wait_for_answer(SteadyTime deadline);
  // When the first answer of the function's own came to a SYN that was sent after `sent`.
  std::optional<SteadyTime> answer_to_syn_after(SteadyTime sent, SteadyTime deadline);
  // When the function's last answer came; returns once none has come for `quiet`.
  std::optional<SteadyTime> last_answer(std::chrono::milliseconds quiet, SteadyTime deadline);

 private:
  SynProber(const ProbeTarget& target, Fd socket, std::array<uint8_t, 54> frame);
  void run();
  void receive_until(SteadyTime until);
  void receive();
  void take(std::span<const uint8_t> frame, int64_t time);

  ProbeTarget target_;
  Fd socket_;
  std::array<uint8_t, 54> frame_;
  std::atomic<int64_t> rst_{0}, own_{0}, last_{0}, since_{0};  // steady nanoseconds; 0: none
  std::atomic<int64_t> wanted_{0}, wanted_answer_{0};          // answer_to_syn_after
  std::atomic<uint64_t> sent_{0};
  std::atomic<bool> sending_{false}, stop_{false};
  std::thread thread_;
};

}  // namespace vireo::bench
