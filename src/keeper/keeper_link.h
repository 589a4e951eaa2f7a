// SPDX-License-Identifier: Apache-2.0
// One keeper process: a connection for requests and one for what ended.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "host/unix_socket.h"
#include "keeper/protocol.h"

namespace vireo::keeper {

// The numbers of the sockets beside the first, whether or not somebody serves them.
std::vector<unsigned> further_keepers(const std::string& runtime_dir);

// Thread-safe.
class KeeperLink {
 public:
  struct Answer {
    int error_number = 0;
    Step step{};
    std::string body;
    std::vector<Fd> fds;
  };
  struct Event {
    std::string name;
    int wait_status = 0;
    uint64_t at_ns = 0;
  };

  // Errc::not_found, unavailable: nobody serves there; Errc::unsupported: of another version.
  static Result<std::unique_ptr<KeeperLink>> attach(const std::string& runtime_dir,
                                                    unsigned number);
  // Or starts `program`.
  static Result<std::unique_ptr<KeeperLink>> connect(const std::string& runtime_dir,
                                                     const std::string& program, unsigned number);

  // The number of a request that nobody waits for, or the answer to one.
  Result<uint32_t> send(Op op, const Writer& body, const std::vector<int>& fds = {});
  Result<Answer> ask(Op op, const Writer& body, const std::vector<int>& fds = {});

  // Adds what came to `events`. False: the keeper is gone.
  bool take_events(std::vector<Event>& events);
  int event_fd() const { return events_.fd().get(); }
  int pid() const { return pid_; }
  unsigned number() const { return number_; }

 private:
  KeeperLink() = default;
  UnixSocket requests_, events_;
  int pid_ = 0;
  unsigned number_ = 0;
  std::atomic<uint32_t> sequence_{0};
  std::mutex mutex_;  // one answered request at a time; one-way ones need none
};

}  // namespace vireo::keeper
