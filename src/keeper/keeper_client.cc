// SPDX-License-Identifier: Apache-2.0
#include "keeper/keeper_client.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <map>

#include "keeper/keeper_link.h"

namespace vireo {
namespace {

using keeper::KeeperLink;
using keeper::Op;
using keeper::Reader;
using keeper::Step;
using keeper::Writer;

constexpr size_t most_keepers = 64;

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
    "the keeper has no room for more descriptors",
    "the zygote cannot make the process",
};

std::string_view words(Step step) {
  const auto index = static_cast<size_t>(step);
  return index < step_words.size() ? step_words[index] : "cannot do an unknown step";
}

Error malformed() { return Error{Errc::corrupt, "the keeper's answer makes no sense"}; }

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
  body.number(static_cast<uint8_t>(request.cgroup_tasks.size()));
  body.number(static_cast<uint8_t>(request.fds.size()));
  return body;
}

std::vector<int> passed_by(const SpawnRequest& request) {
  std::vector<int> all{request.executable};
  if (request.cgroup >= 0) all.push_back(request.cgroup);
  for (const auto* some :
       {&request.join_namespaces, &request.cgroup_tasks, &request.fds, &request.hold}) {
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

uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Writer fork_body(const ForkRequest& request) {
  Writer body;
  body.text(request.name).text(request.text).text(request.log_file).number(request.log_bytes);
  body.text(request.zygote).number(request.argument);
  body.number(static_cast<uint8_t>(request.fds.size()));
  return body;
}

Result<Spawned> spawned_by(KeeperLink::Answer answer, const std::string& name) {
  if (answer.error_number != 0) {
    const std::string what = fmt::format("spawn {}: {}", name, words(answer.step));
    return system_error(what, answer.error_number);
  }
  Spawned spawned;
  spawned.pid = Reader(answer.body).number<int32_t>();
  if (answer.fds.size() != 1 || spawned.pid <= 0) return malformed();
  spawned.pidfd = std::move(answer.fds.front());
  return spawned;
}

Result<void> list_of(KeeperLink& link, std::vector<KeeperEntry>& entries) {
  std::string last;
  while (true) {
    const KeeperLink::Answer answer = TRY(link.ask(Op::list, Writer().text(last)));
    if (answer.body.empty()) return {};
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
      last = entry.name;
      entries.push_back(std::move(entry));
    }
  }
}

}  // namespace

// Links are only added.
struct KeeperClient::State {
  std::string runtime_dir, program;
  Fd events;  // epoll
  std::mutex mutex;
  std::vector<std::shared_ptr<KeeperLink>> links;  // the first keeper in front
  std::map<std::string, size_t> where;             // entries that we know of
  size_t roomy = 0;                                // all before it had no room
  bool gone = false;
  std::mutex growing;

  void add(std::shared_ptr<KeeperLink> link) {
    epoll_event wanted{EPOLLIN, {}};
    ::epoll_ctl(events.get(), EPOLL_CTL_ADD, link->event_fd(), &wanted);
    const std::lock_guard lock(mutex);
    links.push_back(std::move(link));
  }

  Result<std::vector<std::shared_ptr<KeeperLink>>> all() {
    const std::lock_guard lock(mutex);
    if (gone) return one_has_ended();
    return links;
  }

  // Of entries that we do not know: the first keeper.
  Result<std::shared_ptr<KeeperLink>> of(const std::string& name) {
    const std::lock_guard lock(mutex);
    if (gone) return one_has_ended();
    const auto found = where.find(name);
    return links[found == where.end() ? 0 : found->second];
  }

  static Error one_has_ended() { return {Errc::unavailable, "a keeper has ended"}; }

  std::pair<size_t, bool> place_of(const std::string& name) {
    const std::lock_guard lock(mutex);
    const auto found = where.find(name);
    return found == where.end() ? std::pair(roomy, false) : std::pair(found->second, true);
  }

  // The keeper at that place, which may be the next that is to be started.
  Result<std::shared_ptr<KeeperLink>> at(size_t place) {
    const std::lock_guard only(growing);
    const auto known = TRY(all());
    if (place < known.size()) return known[place];
    unsigned number = 1;
    while (std::ranges::count(known, number, &KeeperLink::number) != 0) ++number;
    std::shared_ptr<KeeperLink> link = TRY(KeeperLink::connect(runtime_dir, program, number));
    add(link);
    return link;
  }

  void note(const std::string& name, size_t place) {
    const std::lock_guard lock(mutex);
    where[name] = place;
  }
  void note_full(size_t place) {
    const std::lock_guard lock(mutex);
    roomy = std::max(roomy, place + 1);
  }
  void forget(const std::string& name) {
    const std::lock_guard lock(mutex);
    const auto found = where.find(name);
    if (found == where.end()) return;
    roomy = std::min(roomy, found->second);
    where.erase(found);
  }
};

KeeperClient::KeeperClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
KeeperClient::~KeeperClient() = default;

Result<std::unique_ptr<KeeperClient>> KeeperClient::connect(const std::string& runtime_dir,
                                                            const std::string& program) {
  std::unique_ptr<KeeperClient> client(new KeeperClient(std::make_unique<State>()));
  State& state = *client->state_;
  state.runtime_dir = runtime_dir;
  state.program = program;
  state.events = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!state.events) return system_error("cannot make an event queue");
  state.add(TRY(KeeperLink::connect(runtime_dir, program, 0)));
  for (const unsigned number : keeper::further_keepers(runtime_dir)) {
    auto further = KeeperLink::attach(runtime_dir, number);
    if (further)
      state.add(*std::move(further));
    else if (further.error().code != Errc::not_found && further.error().code != Errc::unavailable)
      return std::move(further).error();  // one that only does not answer may hold instances
  }
  if (state.links.size() > 1) TRY(client->list());
  return client;
}

Result<Spawned> KeeperClient::spawn(const SpawnRequest& request) {
  const std::vector<int> fds = passed_by(request);
  TRY(check_sizes(request.name, request.text, fds.size()));
  if (request.executable < 0)
    return Error{Errc::invalid, fmt::format("spawn {}: no executable", request.name)};
  const Writer body = spawn_body(request);
  auto [place, known] = state_->place_of(request.name);
  while (true) {
    const auto link = TRY(state_->at(place));
    KeeperLink::Answer answer = TRY(link->ask(Op::spawn, body, fds));
    const bool full = answer.error_number != 0 && answer.step == Step::full;
    if (!full || known || place + 1 == most_keepers) {
      auto spawned = spawned_by(std::move(answer), request.name);
      if (spawned) state_->note(request.name, place);
      return spawned;
    }
    state_->note_full(place++);
  }
}

// Where the zygote is, which is its parent's child like itself.
Result<Spawned> KeeperClient::fork(const ForkRequest& request) {
  std::vector<int> fds = request.fds;
  fds.insert(fds.end(), request.hold.begin(), request.hold.end());
  TRY(check_sizes(request.name, request.text, fds.size()));
  const auto [place, known] = state_->place_of(request.zygote);
  if (!known) return Error{Errc::not_found, fmt::format("there is no zygote {}", request.zygote)};
  const auto link = TRY(state_->at(place));
  KeeperLink::Answer answer = TRY(link->ask(Op::fork, fork_body(request), fds));
  if (answer.error_number != 0 && answer.step == Step::full) state_->note_full(place);
  auto forked = spawned_by(std::move(answer), request.name);
  if (forked) state_->note(request.name, place);
  return forked;
}

Result<void> KeeperClient::hold(const std::string& name, const std::string& text,
                                const std::vector<int>& fds) {
  TRY(check_sizes(name, text, fds.size()));
  const auto link = TRY(state_->of(name));
  TRY(link->send(Op::hold, Writer().text(name).text(text), fds));
  return {};
}

Result<std::vector<Fd>> KeeperClient::take(const std::string& name) {
  const auto link = TRY(state_->of(name));
  std::vector<Fd> taken;
  while (true) {
    Writer body;
    body.text(name).number(static_cast<uint32_t>(taken.size()));
    KeeperLink::Answer answer = TRY(link->ask(Op::take, body));
    if (answer.error_number != 0)
      return system_error(fmt::format("cannot take what the keeper holds for {}", name),
                          answer.error_number);
    const auto all = Reader(answer.body).number<uint32_t>();
    const bool stuck = answer.fds.empty();
    for (Fd& fd : answer.fds) taken.push_back(std::move(fd));
    if (taken.size() >= all) return taken;
    if (stuck) return malformed();
  }
}

Result<void> KeeperClient::signal(const std::string& name, int signal) {
  const auto link = TRY(state_->of(name));
  TRY(link->send(Op::signal, Writer().text(name).number<int32_t>(signal)));
  return {};
}

Result<void> KeeperClient::drop(const std::string& name) {
  const auto link = TRY(state_->of(name));
  state_->forget(name);
  TRY(link->send(Op::drop, Writer().text(name)));
  return {};
}

// Its loop looks at an end at the latest when it comes to the request after the next.
Result<void> KeeperClient::settle() {
  for (const auto& link : TRY(state_->all()))
    for (int answers = 0; answers < 2; ++answers)
      TRY(link->ask(Op::take, Writer().text("").number<uint32_t>(0)));
  return {};
}

Result<void> KeeperClient::retire() {
  for (const auto& link : TRY(state_->all())) TRY(link->send(Op::retire, Writer()));
  return {};
}

Result<std::vector<KeeperEntry>> KeeperClient::list() {
  std::vector<KeeperEntry> entries;
  const auto links = TRY(state_->all());
  for (size_t place = 0; place < links.size(); ++place) {
    const size_t before = entries.size();
    TRY(list_of(*links[place], entries));
    for (size_t i = before; i < entries.size(); ++i) state_->note(entries[i].name, place);
  }
  return entries;
}

int KeeperClient::keeper_pid() const { return keeper_pids().front(); }

std::vector<int> KeeperClient::keeper_pids() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<int> pids;
  for (const auto& link : state_->links) pids.push_back(link->pid());
  return pids;
}

int KeeperClient::event_fd() const { return state_->events.get(); }

std::vector<KeeperClient::Event> KeeperClient::take_events() {
  std::vector<KeeperLink::Event> came;
  bool gone = false;
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& link : state_->links) gone = !link->take_events(came) || gone;
    state_->gone = state_->gone || gone;
  }
  std::vector<Event> events;
  for (KeeperLink::Event& event : came)
    events.push_back({std::move(event.name), event.wait_status, event.at_ns});
  if (gone) events.push_back({"", 0, monotonic_ns()});
  return events;
}

}  // namespace vireo
