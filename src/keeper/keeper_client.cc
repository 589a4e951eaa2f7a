// SPDX-License-Identifier: Apache-2.0
#include "keeper/keeper_client.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <time.h>

#include <array>
#include <atomic>
#include <thread>

#include "host/child_process.h"
#include "host/unix_socket.h"
#include "keeper/protocol.h"

namespace vireo {
namespace {

using namespace std::chrono_literals;
using keeper::Op;
using keeper::Reader;
using keeper::Role;
using keeper::Step;
using keeper::Writer;

constexpr auto answer_timeout = 10s;

constexpr std::array<std::string_view, static_cast<size_t>(Step::last) + 1> step_words = {
    "",
    "the keeper cannot take the request",
    "cannot open the log",
    "cannot join a namespace",
    "cannot clone the process",
    "cannot join a control group",
    "cannot keep capabilities in the user namespace",
    "cannot hand over descriptors",
    "cannot begin a session",
    "cannot execute the program",
};

std::string_view words(Step step) {
  const auto index = static_cast<size_t>(step);
  return index < step_words.size() ? step_words[index] : "cannot do an unknown step";
}

Error malformed() { return Error{Errc::corrupt, "the keeper's answer makes no sense"}; }

Result<UnixSocket> greet(const std::string& path, Role role) {
  UnixSocket socket = TRY(UnixSocket::connect(path, SocketKind::packets));
  Writer hello;
  hello.number(Op::hello).number<uint32_t>(0).number(keeper::protocol_version).number(role);
  TRY(socket.send(hello.bytes()));
  const PassedMessage reply = TRY(socket.receive(keeper::max_message, answer_timeout));
  Reader body(reply.bytes);
  const auto refused = body.number<int32_t>();
  const auto version = body.number<uint32_t>();
  if (!body.ok()) return malformed();
  if (refused == 0) return socket;
  return Error{Errc::unsupported,
               fmt::format("the keeper on {} speaks protocol {}, this program {}: run the version "
                           "it belongs to, or end its instances and it",
                           path, version, keeper::protocol_version)};
}

// Whether a new keeper, or another attempt, can help.
bool absent(const Error& error) {
  return error.code == Errc::not_found || error.code == Errc::unavailable;
}

// Success, too, when another keeper was faster.
Result<void> start_keeper(const std::string& runtime_dir, const std::string& program) {
  constexpr int taken = 3;
  ChildCommand command;
  command.program = program;
  command.arguments = {"vireo-keeper", runtime_dir};
  const Finished finished = TRY_IN("start the keeper", run_program(command, answer_timeout));
  if (finished.ok()) return {};
  if (WIFEXITED(finished.status) && WEXITSTATUS(finished.status) == taken) return {};
  return Error{Errc::internal, fmt::format("the keeper {} did not start: {} {}", program,
                                           wait_status_text(finished.status), finished.error)};
}

void put_texts(Writer& writer, const std::vector<std::string>& texts) {
  writer.number(static_cast<uint32_t>(texts.size()));
  for (const std::string& text : texts) writer.text(text);
}

Writer spawn_body(const SpawnRequest& request) {
  Writer body;
  body.text(request.name).text(request.text).text(request.log_file).number(request.log_bytes);
  body.number(request.clone_flags);
  put_texts(body, request.arguments);
  put_texts(body, request.environment);
  body.number<uint8_t>(request.cgroup >= 0 ? 1 : 0);
  body.number(static_cast<uint8_t>(request.join_namespaces.size()));
  body.number(static_cast<uint8_t>(request.cgroup_procs.size()));
  body.number(static_cast<uint8_t>(request.fds.size()));
  return body;
}

std::vector<int> passed_by(const SpawnRequest& request) {
  std::vector<int> all{request.executable};
  if (request.cgroup >= 0) all.push_back(request.cgroup);
  for (const auto* some :
       {&request.join_namespaces, &request.cgroup_procs, &request.fds, &request.hold}) {
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

Result<void> check_sizes(const std::string& name, const std::string& text, size_t fds) {
  if (name.empty() || name.size() > keeper::max_name) {
    return Error{Errc::invalid, fmt::format("'{}' cannot be the name of a keeper's entry", name)};
  }
  if (text.size() > keeper::max_text) {
    return Error{Errc::invalid, fmt::format("the text of {} is longer than 4 KiB", name)};
  }
  if (fds > max_passed_fds) {
    return Error{Errc::invalid,
                 fmt::format("more than {} descriptors for {}", max_passed_fds, name)};
  }
  return {};
}

Error absent_error(Error error) {
  return Error{error.code, fmt::format("the keeper does not answer: {}", error.message)};
}

}  // namespace

struct KeeperClient::State {
  UnixSocket requests, events;
  int pid = 0;
  std::atomic<uint32_t> sequence{0};
  std::mutex mutex;  // one answered request at a time; one-way ones need none

  struct Answer {
    int error_number = 0;
    Step step{};
    std::string body;
    std::vector<Fd> fds;
  };

  // A packet is sent as a whole, so that threads need no lock between them.
  Result<uint32_t> send(Op op, const Writer& body, const std::vector<int>& fds) {
    Writer message;
    const uint32_t number = ++sequence;
    message.number(op).number(number);
    const std::string bytes = message.bytes() + body.bytes();
    if (bytes.size() > keeper::max_message) {
      return Error{Errc::invalid, "too long for a message to the keeper (64 KiB)"};
    }
    if (auto sent = requests.send(bytes, fds); !sent) return absent_error(std::move(sent).error());
    return number;
  }

  Result<Answer> ask(Op op, const Writer& body, const std::vector<int>& fds = {}) {
    const std::lock_guard lock(mutex);
    const uint32_t number = TRY(send(op, body, fds));
    while (true) {
      auto received = requests.receive(keeper::max_message, answer_timeout);
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
};

KeeperClient::KeeperClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
KeeperClient::~KeeperClient() = default;

Result<std::unique_ptr<KeeperClient>> KeeperClient::attach(const std::string& path) {
  auto state = std::make_unique<State>();
  // Events first: an end after this is either sent to us or in the first list().
  state->events = TRY(greet(path, Role::events));
  state->requests = TRY(greet(path, Role::requests));
  state->pid = TRY(state->requests.peer()).pid;
  return std::unique_ptr<KeeperClient>(new KeeperClient(std::move(state)));
}

Result<std::unique_ptr<KeeperClient>> KeeperClient::connect(const std::string& runtime_dir,
                                                            const std::string& program) {
  const std::string path = runtime_dir + "/keeper";
  const SteadyTime deadline = SteadyTime::clock::now() + answer_timeout;
  while (true) {
    auto client = attach(path);
    if (client || !absent(client.error())) return client;
    if (SteadyTime::clock::now() > deadline) return std::move(client).error();
    TRY(start_keeper(runtime_dir, program));
    client = attach(path);
    if (client || !absent(client.error())) return client;
    // Another keeper holds the lock and is about to serve, or about to end.
    std::this_thread::sleep_for(5ms);
  }
}

Result<Spawned> KeeperClient::spawn(const SpawnRequest& request) {
  const std::vector<int> fds = passed_by(request);
  TRY(check_sizes(request.name, request.text, fds.size()));
  if (request.executable < 0) {
    return Error{Errc::invalid, fmt::format("spawn {}: no executable", request.name)};
  }
  State::Answer answer = TRY(state_->ask(Op::spawn, spawn_body(request), fds));
  if (answer.error_number != 0) {
    const std::string what = fmt::format("spawn {}: {}", request.name, words(answer.step));
    return system_error(what, answer.error_number);
  }
  Spawned spawned;
  spawned.pid = Reader(answer.body).number<int32_t>();
  if (answer.fds.size() != 1 || spawned.pid <= 0) return malformed();
  spawned.pidfd = std::move(answer.fds.front());
  return spawned;
}

Result<void> KeeperClient::hold(const std::string& name, const std::string& text,
                                const std::vector<int>& fds) {
  TRY(check_sizes(name, text, fds.size()));
  TRY(state_->send(Op::hold, Writer().text(name).text(text), fds));
  return {};
}

Result<std::vector<Fd>> KeeperClient::take(const std::string& name) {
  std::vector<Fd> taken;
  while (true) {
    Writer body;
    body.text(name).number(static_cast<uint32_t>(taken.size()));
    State::Answer answer = TRY(state_->ask(Op::take, body));
    if (answer.error_number != 0) {
      return system_error(fmt::format("cannot take what the keeper holds for {}", name),
                          answer.error_number);
    }
    const auto all = Reader(answer.body).number<uint32_t>();
    const bool stuck = answer.fds.empty();
    for (Fd& fd : answer.fds) taken.push_back(std::move(fd));
    if (taken.size() >= all) return taken;
    if (stuck) return malformed();
  }
}

Result<void> KeeperClient::signal(const std::string& name, int signal) {
  TRY(state_->send(Op::signal, Writer().text(name).number<int32_t>(signal), {}));
  return {};
}

Result<void> KeeperClient::drop(const std::string& name) {
  TRY(state_->send(Op::drop, Writer().text(name), {}));
  return {};
}

Result<void> KeeperClient::retire() {
  TRY(state_->send(Op::retire, Writer(), {}));
  return {};
}

Result<std::vector<KeeperEntry>> KeeperClient::list() {
  std::vector<KeeperEntry> entries;
  while (true) {
    const std::string last = entries.empty() ? "" : entries.back().name;
    const State::Answer answer = TRY(state_->ask(Op::list, Writer().text(last)));
    if (answer.body.empty()) return entries;
    Reader reader(answer.body);
    while (!reader.at_end()) {
      KeeperEntry entry;
      entry.name = reader.text();
      entry.text = reader.text();
      entry.pid = reader.number<int32_t>();
      entry.ended = reader.number<uint8_t>() != 0;
      entry.wait_status = reader.number<int32_t>();
      entry.ended_at_ns = reader.number<uint64_t>();
      entry.held = reader.number<uint32_t>();
      if (!reader.ok()) return malformed();
      entries.push_back(std::move(entry));
    }
  }
}

int KeeperClient::keeper_pid() const { return state_->pid; }
int KeeperClient::event_fd() const { return state_->events.fd().get(); }

std::vector<KeeperClient::Event> KeeperClient::take_events() {
  std::vector<Event> events;
  while (true) {
    auto received = state_->events.receive(keeper::max_message, 0ms);
    if (!received && received.error().code == Errc::timed_out) return events;
    if (!received) {
      timespec now{};
      ::clock_gettime(CLOCK_MONOTONIC, &now);
      const uint64_t seconds = static_cast<uint64_t>(now.tv_sec);
      events.push_back({"", 0, seconds * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec)});
      return events;
    }
    Reader reader(received->bytes);
    if (reader.number<Op>() != Op::event) continue;
    Event event;
    event.name = reader.text();
    event.wait_status = reader.number<int32_t>();
    event.at_ns = reader.number<uint64_t>();
    if (reader.ok()) events.push_back(std::move(event));
  }
}

}  // namespace vireo
