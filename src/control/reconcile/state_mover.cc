// SPDX-License-Identifier: Apache-2.0
#include "control/reconcile/state_mover.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vireo {
namespace {

constexpr auto state_deadline = std::chrono::milliseconds(1000);

Result<void> carry(const StateMover::End& from, const std::optional<StateMover::End>& to) {
  std::string state = TRY(from.access->export_state(from.id, state_deadline));
  if (!to) return {};
  return to->access->import_state(to->id, state, state_deadline);
}

}  // namespace

StateMover::~StateMover() {
  for (Move& move : moves_) move.thread.join();
}

void StateMover::begin(End from, std::optional<End> to) {
  std::lock_guard lock(mutex_);
  Move& move = moves_.emplace_back();
  move.from = std::move(from);
  move.to = std::move(to);
  move.thread = std::thread([this, &move] { run(move); });
}

void StateMover::run(Move& move) {
  Result<void> result = carry(move.from, move.to);
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
    finished.push_back({std::move(move.from.id), *std::move(move.result)});
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
