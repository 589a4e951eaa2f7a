// SPDX-License-Identifier: Apache-2.0
#include "keeper/keeper_link.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "base/text.h"
#include "host/child_process.h"
#include "host/files.h"

namespace vireo::keeper {
namespace {

using namespace std::chrono_literals;

constexpr auto answer_timeout = 10s;
constexpr std::string_view first_name = "keeper", further_prefix = "keeper-";

Error malformed() { return Error{Errc::corrupt, "the keeper's answer makes no sense"}; }

Result<UnixSocket> greet(const std::string& path, Role role) {
  UnixSocket socket = TRY(UnixSocket::connect(path, SocketKind::packets));
  Writer hello;
  hello.number(Op::hello).number<uint32_t>(0).number(protocol_version).number(role);
  TRY(socket.send(hello.bytes()));
  const PassedMessage reply = TRY(socket.receive(max_message, answer_timeout));
  Reader body(reply.bytes);
  const auto refused = body.number<int32_t>();
  const auto version = body.number<uint32_t>();
  if (!body.ok()) return malformed();
  if (refused == 0) return socket;
  return Error{Errc::unsupported,
               fmt::format("the keeper on {} speaks protocol {}, this program {}: run the version "
                           "it belongs to, or end its instances and it",
                           path, version, protocol_version)};
}

// Whether a new keeper, or another attempt, can help.
bool absent(const Error& error) {
  return error.code == Errc::not_found || error.code == Errc::unavailable;
}

// Success, too, when another keeper was faster.
Result<void> start_keeper(const std::string& runtime_dir, const std::string& program,
                          unsigned number) {
  constexpr int taken = 3;
  ChildCommand command;
  command.program = program;
  command.arguments = {"vireo-keeper", runtime_dir};
  if (number != 0) command.arguments.push_back(std::to_string(number));
  const Finished finished = TRY_IN("start the keeper", run_program(command, answer_timeout));
  if (finished.ok()) return {};
  if (WIFEXITED(finished.status) && WEXITSTATUS(finished.status) == taken) return {};
  return Error{Errc::internal, fmt::format("the keeper {} did not start: {} {}", program,
                                           wait_status_text(finished.status), finished.error)};
}

std::string socket_path(const std::string& runtime_dir, unsigned number) {
  return number == 0 ? fmt::format("{}/{}", runtime_dir, first_name)
                     : fmt::format("{}/{}{}", runtime_dir, further_prefix, number);
}

Error absent_error(Error error) {
  return Error{error.code, fmt::format("the keeper does not answer: {}", error.message)};
}

}  // namespace

std::vector<unsigned> further_keepers(const std::string& runtime_dir) {
  std::vector<unsigned> numbers;
  for (const std::string& name : list_directory(runtime_dir).value_or({})) {
    if (!name.starts_with(further_prefix)) continue;
    const auto number = parse_number(std::string_view(name).substr(further_prefix.size()));
    if (number) numbers.push_back(static_cast<unsigned>(*number));
  }
  std::ranges::sort(numbers);
  return numbers;
}

Result<std::unique_ptr<KeeperLink>> KeeperLink::attach(const std::string& runtime_dir,
                                                       unsigned number) {
  const std::string path = socket_path(runtime_dir, number);
  std::unique_ptr<KeeperLink> link(new KeeperLink);
  link->number_ = number;
  // Events first: an end after this is either sent to us or in the first list.
  link->events_ = TRY(greet(path, Role::events));
  link->requests_ = TRY(greet(path, Role::requests));
  link->pid_ = TRY(link->requests_.peer()).pid;
  return link;
}

Result<std::unique_ptr<KeeperLink>> KeeperLink::connect(const std::string& runtime_dir,
                                                        const std::string& program,
                                                        unsigned number) {
  const SteadyTime deadline = SteadyTime::clock::now() + answer_timeout;
  while (true) {
    auto link = attach(runtime_dir, number);
    if (link || !absent(link.error())) return link;
    if (SteadyTime::clock::now() > deadline) return std::move(link).error();
    TRY(start_keeper(runtime_dir, program, number));
    link = attach(runtime_dir, number);
    if (link || !absent(link.error())) return link;
    // Another keeper holds the lock and is about to serve, or about to end.
    std::this_thread::sleep_for(5ms);
  }
}

// A packet is sent as a whole, so that threads need no lock between them.
Result<uint32_t> KeeperLink::send(Op op, const Writer& body, const std::vector<int>& fds) {
  Writer message;
  const uint32_t number = ++sequence_;
  message.number(op).number(number);
  const std::string bytes = message.bytes() + body.bytes();
  if (bytes.size() > max_message)
    return Error{Errc::invalid, "too long for a message to the keeper (64 KiB)"};
  if (auto sent = requests_.send(bytes, fds); !sent) return absent_error(std::move(sent).error());
  return number;
}

Result<KeeperLink::Answer> KeeperLink::ask(Op op, const Writer& body, const std::vector<int>& fds) {
  const std::lock_guard lock(mutex_);
  const uint32_t number = TRY(send(op, body, fds));
  while (true) {
    auto received = requests_.receive(max_message, answer_timeout);
    if (!received) return absent_error(std::move(received).error());
    Reader reader(received->bytes);
    const auto answered = reader.number<uint32_t>();
    Answer answer{reader.number<int32_t>(), reader.number<Step>(), {}, std::move(received->fds)};
    if (!reader.ok()) return malformed();
    if (answered != number) continue;  // of a request that timed out
    answer.body = std::string(reader.rest());
    return answer;
  }
}

bool KeeperLink::take_events(std::vector<Event>& events) {
  while (true) {
    auto received = events_.receive(max_message, 0ms);
    if (!received) return received.error().code == Errc::timed_out;
    Reader reader(received->bytes);
    if (reader.number<Op>() != Op::event) continue;
    Event event;
    event.name = reader.text();
    event.wait_status = reader.number<int32_t>();
    event.at_ns = reader.number<uint64_t>();
    if (reader.ok()) events.push_back(std::move(event));
  }
}

}  // namespace vireo::keeper
