// SPDX-License-Identifier: Apache-2.0
// A zygote (zygote_protocol.h) for tests: what it makes writes its argument as a letter to its
// output and to its first descriptor, waits for the end of that one, and ends with the argument as
// its code.
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/fd_passing.h"
#include "keeper/zygote_protocol.h"

namespace {

constexpr int requests = 3;

[[noreturn]] void run(const vireo::PassedMessage& request, char letter) {
  ::close(requests);
  const int output = request.fds.at(0).get(), link = request.fds.at(2).get();
  if (::write(output, &letter, 1) != 1 || ::write(link, &letter, 1) != 1) ::_exit(1);
  char byte = 0;
  while (::read(link, &byte, 1) > 0) continue;
  ::_exit(letter);
}

}  // namespace

int main() {
  using namespace vireo::keeper;
  for (;;) {
    vireo::PassedMessage message;
    ZygoteRequest request;
    if (vireo::receive_with_fds(requests, sizeof request, message) <= 0) return 0;
    std::memcpy(&request, message.bytes.data(), sizeof request);
    if (request.argument == 0) return 1;  // it crashes
    const long pid = ::syscall(SYS_clone, CLONE_PARENT, nullptr, nullptr, nullptr, nullptr);
    if (pid == 0) run(message, static_cast<char>(request.argument));
    const ZygoteAnswer answer{static_cast<int32_t>(pid), 0};
    (void)::send(requests, &answer, sizeof answer, MSG_NOSIGNAL);
  }
}
