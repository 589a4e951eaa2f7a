// SPDX-License-Identifier: Apache-2.0
#include "control/reconcile/state_mover.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vireo {
namespace {

constexpr auto state_deadline = std::chrono::milliseconds(1000);

Result<void> carry(FunctionAccess& access, const InstanceId& from, const InstanceId& to) {
  std::string state = TRY(access.export_state(from, state_deadline));
  return access.import_state(to, state, state_deadline);
}

}  // namespace

StateMover::~StateMover() {
  for (Move& move : moves_) move.thread.join();
}

void StateMover::begin(FunctionAccess& access, const InstanceId& from, const InstanceId& to) {
  std::lock_guard lock(mutex_);
  Move& move = moves_.emplace_back();
  move.to = to;
  move.thread = std::thread([this, &move, &access, from] { run(move, access, from); });
}

void StateMover::run(Move& move, FunctionAccess& access, const InstanceId& from) {
  Result<void> result = carry(access, from, move.to);
  std::lock_guard lock(mutex_);
  move.result = std::move(result);
  changed_.notify_all();
  if (wake_) wake_();
}

std::vector<StateMover::Finished> StateMover::take_finished() {
  std::list<Move> done;
  {
    std::lock_guard lock(mutex_);
    for (auto move = moves_.begin(); move != moves_.end();) {
      auto next = std::next(move);
      if (move->result) done.splice(done.end(), moves_, move);
      move = next;
    }
  }
  std::vector<Finished> finished;
  for (Move& move : done) {
    move.thread.join();
    finished.push_back({std::move(move.to), *std::move(move.result)});
  }
  return finished;
}

void StateMover::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return std::ranges::all_of(moves_, [](const Move& move) { return move.result.has_value(); });
  });
}

}  // namespace vireo
