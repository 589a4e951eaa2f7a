// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/text.h"
#include "driver/fake/fake_driver.h"
#include "driver/fake/script.h"

namespace vireo {

using Lock = std::unique_lock<std::mutex>;

FakeScript read_script(const std::vector<std::string>& arguments) {
  FakeScript script;
  for (const std::string& word : arguments) {
    std::vector<std::string_view> parts = split(word, ':');
    auto number = [&](size_t at) {
      return at < parts.size() ? static_cast<int>(parse_number(parts[at]).value_or(0)) : 0;
    };
    if (word == "fail") script.fail = true;
    if (word == "stubborn") script.stubborn = true;
    if (word == "busy") script.busy = true;
    if (word == "silent") script.silent = true;
    if (parts[0] == "slow") script.slow = std::chrono::milliseconds(number(1));
    if (parts[0] == "exit" && parts.size() > 1) script.end = ExitReason{ExitKind::code, number(1)};
    if (parts[0] == "signal" && parts.size() > 1)
      script.end = ExitReason{ExitKind::signal, number(1)};
    if (parts[0] == "exit") script.after = std::chrono::milliseconds(number(2));
  }
  return script;
}

size_t FakeHost::shells() const {
  Lock lock(mutex_);
  size_t count = 0;
  for (const auto& [id, entry] : entries_) count += entry.state == InstanceState::spare ? 1 : 0;
  return count;
}

size_t FakeHost::instances() const {
  size_t spares = shells();
  Lock lock(mutex_);
  return entries_.size() - spares;
}

size_t FakeHost::loaded() const {
  Lock lock(mutex_);
  return static_cast<size_t>(
      std::ranges::count_if(entries_, [](const auto& each) { return each.second.loaded; }));
}

size_t FakeHost::starts() const {
  Lock lock(mutex_);
  return starts_;
}

void FakeHost::fail_starts(unsigned count) {
  Lock lock(mutex_);
  failures_ = count;
}

void FakeHost::crash(const InstanceId& id, ExitReason reason) {
  Lock lock(mutex_);
  auto found = entries_.find(id);
  if (found != entries_.end()) end(id, found->second, reason);
}

void FakeHost::end(const InstanceId& id, Entry& entry, ExitReason reason) {
  if (entry.exit) return;
  entry.exit = reason;
  entry.state = InstanceState::exited;
  tell({DriverEvent::Kind::exited, id, std::chrono::steady_clock::now(), reason});
}

void FakeHost::tell(DriverEvent event) {
  events_.push_back(std::move(event));
  if (signal_ >= 0) ::eventfd_write(signal_, 1);
}

Result<void> FakeDriver::preload(const InstanceId& shell, const InstanceSpec& like) {
  Lock lock(host_->mutex_);
  auto found = host_->entries_.find(shell);
  if (found == host_->entries_.end())
    return Error{Errc::not_found, fmt::format("there is no spare shell {}", shell)};
  FakeHost::Entry& entry = found->second;
  if (entry.state != InstanceState::spare || entry.loaded)
    return Error{Errc::conflict, fmt::format("{} is no empty spare shell", shell)};
  if (read_script(like.process.arguments).fail || like.process.arguments.empty()) {
    host_->entries_.erase(found);
    return Error{Errc::invalid, fmt::format("load {}: told to fail", shell)};
  }
  entry.spec = like;
  entry.loaded = true;
  return {};
}

Result<Executor::Session> FakeDriver::exec(const InstanceId& id, const Request& request) {
  Lock lock(host_->mutex_);
  auto found = host_->entries_.find(id);
  if (found == host_->entries_.end())
    return Error{Errc::not_found, fmt::format("there is no container {}", id)};
  if (found->second.state != InstanceState::running)
    return Error{Errc::conflict, fmt::format("{} is not running", id)};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  Session session;
  (request.terminal ? session.terminal : session.out) = Fd(ends[0]);
  Fd write(ends[1]);
  std::string text = fmt::format("{}\n", fmt::join(request.arguments, " "));
  if (::write(write.get(), text.data(), text.size()) < 0) return system_error("cannot print");
  session.exit = Fd(::eventfd(1, EFD_CLOEXEC));
  session.id = fmt::format("fake-exec-{}", host_->next_++);
  auto end = read_script(request.arguments).end;
  host_->sessions_[session.id] = end ? end->value : 0;
  return session;
}

Result<int> FakeDriver::exit_code(const std::string& session) {
  Lock lock(host_->mutex_);
  auto found = host_->sessions_.find(session);
  if (found == host_->sessions_.end())
    return Error{Errc::not_found, fmt::format("there is no session {}", session)};
  int code = found->second;
  host_->sessions_.erase(found);
  return code;
}

Result<void> FakeDriver::resize(const InstanceId& id, const Resources& resources) {
  Lock lock(host_->mutex_);
  auto found = host_->entries_.find(id);
  if (found == host_->entries_.end())
    return Error{Errc::not_found, fmt::format("there is no container {}", id)};
  found->second.spec.resources = resources;
  return {};
}

Result<void> FakeDriver::set_paused(const InstanceId& id, bool paused) {
  Lock lock(host_->mutex_);
  auto found = host_->entries_.find(id);
  if (found == host_->entries_.end())
    return Error{Errc::not_found, fmt::format("there is no container {}", id)};
  if (found->second.state != InstanceState::running)
    return Error{Errc::conflict, fmt::format("{} does not run", id)};
  if (host_->pauses_refused_) return Error{Errc::invalid, "told to fail"};
  found->second.paused = paused;
  return {};
}

Result<void> FakeDriver::pause(const InstanceId& id) { return set_paused(id, true); }
Result<void> FakeDriver::resume(const InstanceId& id) { return set_paused(id, false); }

void FakeHost::refuse_pauses() {
  Lock lock(mutex_);
  pauses_refused_ = true;
}

bool FakeHost::paused(const InstanceId& id) const {
  Lock lock(mutex_);
  auto entry = entries_.find(id);
  return entry != entries_.end() && entry->second.paused;
}

std::string FakeHost::file(const InstanceId& id, const std::string& path) const {
  Lock lock(mutex_);
  auto entry = entries_.find(id);
  if (entry == entries_.end()) return {};
  auto file = std::ranges::find(entry->second.spec.files, path, &FileContent::path);
  return file == entry->second.spec.files.end() ? std::string() : file->content;
}

Result<void> FakeDriver::rewrite(const InstanceId& id, const FileContent& file) {
  Lock lock(host_->mutex_);
  auto found = host_->entries_.find(id);
  if (found == host_->entries_.end())
    return Error{Errc::not_found, fmt::format("there is no container {}", id)};
  auto given = std::ranges::find(found->second.spec.files, file.path, &FileContent::path);
  if (given == found->second.spec.files.end())
    return Error{Errc::not_found, fmt::format("{} was not given {}", id, file.path)};
  given->content = file.content;
  return {};
}

Result<Fd> FakeDriver::vitals(const InstanceId& id) {
  Lock lock(host_->mutex_);
  auto found = host_->entries_.find(id);
  if (found == host_->entries_.end())
    return Error{Errc::not_found, fmt::format("there is no container {}", id)};
  if (!found->second.spec.function)
    return Error{Errc::unsupported, fmt::format("{} is not a libvnf function", id)};
  Fd memory(::memfd_create("vireo-fake-vitals", MFD_CLOEXEC));
  if (!memory || ::ftruncate(memory.get(), 4096) != 0)
    return system_error("cannot make a vitals page");
  return memory;
}

std::string FakeHost::state(const InstanceId& id) const {
  Lock lock(mutex_);
  auto entry = entries_.find(id);
  return entry == entries_.end() ? std::string() : entry->second.state_bytes;
}

void FakeHost::set_state(const InstanceId& id, std::string state) {
  Lock lock(mutex_);
  entries_.at(id).state_bytes = std::move(state);
}

void FakeHost::hold_states(bool held) {
  Lock lock(mutex_);
  states_held_ = held;
  states_released_.notify_all();
}

Result<std::string> FakeDriver::export_state(const InstanceId& id, std::chrono::milliseconds) {
  Lock lock(host_->mutex_);
  host_->states_released_.wait(lock, [this] { return !host_->states_held_; });
  auto found = host_->entries_.find(id);
  if (found == host_->entries_.end())
    return Error{Errc::not_found, fmt::format("there is no container {}", id)};
  return found->second.state_bytes;
}

Result<void> FakeDriver::import_state(const InstanceId& id, std::string_view state,
                                      std::chrono::milliseconds) {
  Lock lock(host_->mutex_);
  auto found = host_->entries_.find(id);
  if (found == host_->entries_.end())
    return Error{Errc::not_found, fmt::format("there is no container {}", id)};
  found->second.state_bytes = state;
  return {};
}

}  // namespace vireo
