// SPDX-License-Identifier: Apache-2.0
#include "keeper/server.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace vireo::keeper {
namespace {

constexpr uint64_t namespace_flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr size_t max_unsent = 65536;  // events a daemon may leave unread before it is cut off

std::vector<char*> texts(Reader& body, std::vector<std::string>& storage) {
  storage.resize(std::min<size_t>(body.number<uint32_t>(), max_message / sizeof(uint32_t)));
  for (std::string& text : storage) text = body.text();
  std::vector<char*> pointers;
  for (std::string& text : storage) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The passed descriptors in the order of the request.
class PassedFds {
 public:
  explicit PassedFds(std::vector<Fd>& fds) : fds_(fds) {}
  int one() { return next_ < fds_.size() ? fds_[next_++].get() : -1; }
  std::vector<int> some(size_t count) {
    std::vector<int> taken;
    for (size_t i = 0; i < count && next_ < fds_.size(); ++i) taken.push_back(one());
    return taken;
  }
  std::vector<Fd> rest() {
    std::vector<Fd> taken;
    while (next_ < fds_.size()) taken.push_back(std::move(fds_[next_++]));
    return taken;
  }

 private:
  std::vector<Fd>& fds_;
  size_t next_ = 0;
};

// A descriptor gets the lowest free number: so many are open. The last quarter is for what entries
// that are here already will hold.
bool crowded(const std::vector<Fd>& passed) {
  rlimit most{};
  ::getrlimit(RLIMIT_NOFILE, &most);
  return !passed.empty() && static_cast<rlim_t>(passed.back().get()) >= most.rlim_cur / 4 * 3;
}

bool good_name(const std::string& name) { return !name.empty() && name.size() <= max_name; }

}  // namespace

Server::Server(int listener)
    : listener_(listener), entries_(loop_, closer_, [this](const Entry& e) { announce(e); }) {
  loop_.add(listener, EPOLLIN, [this](uint32_t) { accept(); });
}

void Server::run(int grace_ms) {
  while (true) {
    const bool idle = connections_.empty() && entries_.empty();
    const int idle_ms = retiring_ ? 0 : grace_ms;
    if (!loop_.turn(idle ? idle_ms : -1) && idle) return;
  }
}

void Server::accept() {
  auto connection = std::make_unique<Connection>();
  connection->socket = Fd(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!connection->socket ||
      ::getsockopt(connection->socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
      peer.uid != ::geteuid()) {
    return;
  }
  Connection& kept = *connection;
  kept.source = loop_.add(kept.socket.get(), EPOLLIN,
                          [this, &kept](uint32_t events) { ready(kept, events); });
  connections_[&kept] = std::move(connection);
}

void Server::ready(Connection& connection, uint32_t events) {
  if ((events & EPOLLOUT) != 0) return flush(connection);
  read(connection);
}

void Server::close(Connection& connection) {
  loop_.remove(connection.source);
  connections_.erase(&connection);
}

void Server::read(Connection& connection) {
  PassedMessage message;
  const int got = receive_with_fds(connection.socket.get(), max_message, message, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  Reader body(message.bytes);
  const Op op = body.number<Op>();
  const auto sequence = body.number<uint32_t>();
  if (got <= 0 || message.cut || !body.ok()) return close(connection);
  if (connection.role == Role{})
    return op == Op::hello ? greet(connection, body) : close(connection);
  Request request{connection, sequence, body, message};
  dispatch(op, request);
}

void Server::greet(Connection& connection, Reader hello) {
  const bool same = hello.number<uint32_t>() == protocol_version;
  const Role role = hello.number<Role>();
  const bool known = role == Role::requests || role == Role::events;
  Writer reply;
  reply.number<int32_t>(same && known ? 0 : EPROTONOSUPPORT).number(protocol_version);
  send_with_fds(connection.socket.get(), reply.bytes(), {}, MSG_DONTWAIT);
  if (!same || !known) return close(connection);
  connection.role = role;
  retiring_ = false;
}

void Server::dispatch(Op op, Request& request) {
  switch (op) {
    case Op::spawn:
      return spawn(request);
    case Op::fork:
      return fork(request);
    case Op::hold:
      return hold(request);
    case Op::take:
      return take(request);
    case Op::signal:
      return signal(request);
    case Op::drop:
      return entries_.drop(request.body.text());
    case Op::list:
      return list(request);
    case Op::retire:
      retiring_ = true;
      return;
    default:
      return close(request.from);
  }
}

Server::Beginning Server::read_beginning(Reader& body) {
  Beginning begun;
  begun.entry->name = body.text();
  begun.entry->text = body.text();
  begun.log_path = body.text();
  begun.log_bytes = body.number<uint64_t>();
  return begun;
}

void Server::spawn(Request& request) {
  Reader& body = request.body;
  auto [entry, log_path, log_bytes] = read_beginning(body);
  StartPlan plan;
  plan.clone_flags = body.number<uint64_t>();
  std::vector<std::string> arguments, environment;
  plan.arguments = texts(body, arguments);
  plan.environment = texts(body, environment);
  PassedFds passed(request.message.fds);
  plan.executable = passed.one();
  plan.cgroup = body.number<uint8_t>() != 0 ? passed.one() : -1;
  plan.join_namespaces = passed.some(body.number<uint8_t>());
  plan.cgroup_tasks = passed.some(body.number<uint8_t>());
  plan.fds = passed.some(body.number<uint8_t>());
  const bool full = request.message.fds_lost || crowded(request.message.fds);
  entry->held = passed.rest();
  if (!body.ok() || !good_name(entry->name) || (plan.clone_flags & ~namespace_flags) != 0) {
    return answer(request, EINVAL, Step::request);
  }
  if (entries_.find(entry->name) != nullptr) return answer(request, EEXIST, Step::request);
  if (full) return answer(request, EMFILE, Step::full);

  answer_started(request, entries_.start(std::move(entry), plan, log_path, log_bytes));
}

void Server::fork(Request& request) {
  Reader& body = request.body;
  auto [entry, log_path, log_bytes] = read_beginning(body);
  const Entry* zygote = entries_.find(body.text());
  ForkPlan plan;
  plan.argument = body.number<uint64_t>();
  PassedFds passed(request.message.fds);
  plan.fds = passed.some(body.number<uint8_t>());
  const bool full = request.message.fds_lost || crowded(request.message.fds);
  entry->held = passed.rest();
  if (!body.ok() || !good_name(entry->name)) return answer(request, EINVAL, Step::request);
  if (entries_.find(entry->name) != nullptr) return answer(request, EEXIST, Step::request);
  if (zygote == nullptr || zygote->ended || zygote->held.empty())
    return answer(request, ESRCH, Step::fork);
  if (full) return answer(request, EMFILE, Step::full);

  plan.zygote = zygote->held.front().get();
  answer_started(request, entries_.fork(std::move(entry), plan, log_path, log_bytes));
}

void Server::answer_started(const Request& request, const Started& started) {
  const int pidfd[] = {started.pidfd.get()};
  Writer reply;
  reply.number<int32_t>(started.pid);
  answer(request, started.error_number, started.failed, reply.bytes(),
         std::span(pidfd, started.pidfd ? 1U : 0U));
}

void Server::hold(Request& request) {
  const std::string name = request.body.text();
  if (!good_name(name)) return;
  Entry& entry = entries_.make(name);
  entry.text = request.body.text();
  if (request.message.fds_lost) entry.lost = true;
  for (Fd& fd : request.message.fds) entry.held.push_back(std::move(fd));
}

void Server::take(Request& request) {
  const Entry* entry = entries_.find(request.body.text());
  const size_t from = request.body.number<uint32_t>();
  if (entry == nullptr) return answer(request, ENOENT, Step::request);
  if (entry->lost) return answer(request, EMFILE, Step::request);
  std::vector<int> fds;
  for (size_t i = from; i < entry->held.size() && fds.size() < max_passed_fds; ++i) {
    fds.push_back(entry->held[i].get());
  }
  Writer reply;
  reply.number(static_cast<uint32_t>(entry->held.size()));
  answer(request, 0, Step::none, reply.bytes(), fds);
}

void Server::signal(Request& request) {
  const Entry* entry = entries_.find(request.body.text());
  const auto number = request.body.number<int32_t>();
  if (entry != nullptr && entry->pid != 0 && !entry->ended) ::kill(entry->pid, number);
}

// As many entries after the given name as fit one message; the daemon asks on from the last.
void Server::list(Request& request) {
  Writer reply;
  const Entry* entry = entries_.after(request.body.text());
  while (entry != nullptr && reply.bytes().size() < max_message - max_name - max_text - 128) {
    reply.text(entry->name).text(entry->text).number<int32_t>(entry->pid);
    reply.number<uint8_t>(entry->ended ? 1 : 0).number<int32_t>(entry->wait_status);
    reply.number(entry->ended_at_ns).number(static_cast<uint32_t>(entry->held.size()));
    entry = entries_.after(entry->name);
  }
  answer(request, 0, Step::none, reply.bytes());
}

void Server::answer(const Request& request, int error_number, Step step, const std::string& body,
                    std::span<const int> fds) {
  Writer reply;
  reply.number(request.sequence).number<int32_t>(error_number).number(step);
  const std::string bytes = reply.bytes() + body;
  // A daemon waits for each answer: one whose queue is full asks without reading.
  if (send_with_fds(request.from.socket.get(), bytes, fds, MSG_DONTWAIT) < 0) close(request.from);
}

void Server::announce(const Entry& entry) {
  Writer event;
  event.number(Op::event).text(entry.name).number<int32_t>(entry.wait_status);
  event.number(entry.ended_at_ns);
  std::vector<Connection*> listening;
  for (const auto& [key, connection] : connections_) {
    if (connection->role == Role::events) listening.push_back(key);
  }
  for (Connection* connection : listening) {
    connection->unsent.push_back(event.bytes());
    flush(*connection);
  }
}

void Server::flush(Connection& connection) {
  while (!connection.unsent.empty()) {
    const std::string& event = connection.unsent.front();
    if (send_with_fds(connection.socket.get(), event, {}, MSG_DONTWAIT) < 0) break;
    connection.unsent.pop_front();
  }
  const bool waits = !connection.unsent.empty();
  if (waits && (errno != EAGAIN || connection.unsent.size() > max_unsent)) return close(connection);
  loop_.change(connection.source, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

}  // namespace vireo::keeper
