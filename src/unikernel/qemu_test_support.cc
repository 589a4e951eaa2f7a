// SPDX-License-Identifier: Apache-2.0
#include "unikernel/qemu_test_support.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>

#include "unikernel/microvm.h"

namespace vireo::unikernel {

namespace {

using namespace std::chrono_literals;
constexpr auto longest = 60s;  // emulated, on a busy machine

std::vector<std::string> arguments_of(const QemuMachine& machine, const std::string& folder) {
  std::vector<std::string> words = microvm_words(
      machine.image, machine.identity.empty() ? "" : folder + "/identity", machine.megabytes);
  words.insert(words.end(), {"-device", "isa-debug-exit,iobase=0xf4,iosize=4"});
  for (size_t i = 0; i < machine.networks.size(); i++)
    words.insert(words.end(), {"-netdev", fmt::format("{},id=n{}", machine.networks[i], i),
                               "-device", fmt::format("virtio-net-device,netdev=n{}", i)});
  words.insert(words.end(), machine.arguments.begin(), machine.arguments.end());
  return words;
}

}  // namespace

std::string identity_bytes(const vnf::Identity& identity, const std::string& config) {
  vnf::Identity whole = identity;
  whole.config_bytes = static_cast<uint32_t>(config.size());
  return std::string(reinterpret_cast<const char*>(&whole), sizeof whole) + config;
}

Result<std::unique_ptr<Qemu>> Qemu::start(const QemuMachine& machine) {
  TemporaryDirectory folder = TRY(TemporaryDirectory::make("vireo-qemu"));
  TRY(replace_file(folder.path() + "/identity", machine.identity));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return system_error("cannot make a pipe");
  Fd console(ends[0]), theirs(ends[1]);
  ChildCommand command;
  command.program = microvm_program;
  command.arguments = arguments_of(machine, folder.path());
  command.output = command.error = theirs.get();
  command.fds = machine.fds;
  ChildProcess process = TRY_IN("QEMU", ChildProcess::start(command));
  return std::unique_ptr<Qemu>(new Qemu(std::move(folder), std::move(process), std::move(console)));
}

Result<std::string> Qemu::console_until(const std::string& text) {
  const auto end = std::chrono::steady_clock::now() + longest;
  while (text_.find(text) == std::string::npos) {
    pollfd wait{console_.get(), POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    char part[4096];
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) != 1)
      return Error{Errc::timed_out, fmt::format("no `{}` on the console: {}", text, text_)};
    const ssize_t got = ::read(console_.get(), part, sizeof part);
    if (got <= 0) return Error{Errc::unavailable, fmt::format("QEMU ended: {}", text_)};
    text_.append(part, static_cast<size_t>(got));
  }
  return text_;
}

Result<int> Qemu::wait_exit() { return process_.wait(longest); }

}  // namespace vireo::unikernel
