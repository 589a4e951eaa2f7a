// SPDX-License-Identifier: Apache-2.0
// What one generation knows of its neighbours goes to the next.
#include "vnf/routing/neighbours.h"

namespace vireo::vnf {

void Neighbours::set_now(int64_t now_ms) {
  if (!clock_known_)
    for (uint32_t i = 1; i < entries_.end(); i++)
      if (entries_[i].used) entries_[i].known_ms += now_ms - now_ms_;
  clock_known_ = true;
  now_ms_ = now_ms;
}

bool Neighbours::lasts(const Entry& entry) const {
  return entry.used && entry.state == State::known && now_ms_ - entry.known_ms <= lost_ms;
}

void Neighbours::export_state(StateSink& sink) const {
  uint32_t count = 0;
  for (uint32_t i = 1; i < entries_.end(); i++) count += lasts(entries_[i]);
  sink.write(&sink, &count, sizeof count);
  for (uint32_t i = 1; i < entries_.end(); i++) {
    const Entry& entry = entries_[i];
    if (!lasts(entry)) continue;
    Record record = {};
    copy_bytes(record.address, entry.key.address, 16);
    record.age_ms = static_cast<uint32_t>(now_ms_ - entry.known_ms);
    record.port = entry.key.port;
    record.family = entry.key.family;
    copy_bytes(record.mac, entry.mac, 6);
    sink.write(&sink, &record, sizeof record);
  }
}

// What it has learned itself, or was told, is newer.
bool Neighbours::import_one(const Record& record) {
  const bool v4 = record.family == 4;
  if ((!v4 && record.family != 6) || (record.mac[0] & 1) != 0) return false;
  if (record.port >= identity_->port_count || record.age_ms > lost_ms) return true;
  const Key key = key_of(record.port, v4 ? Network::ipv4 : Network::ipv6, record.address);
  Entry* made = entry(key, true);
  if (made == nullptr || made->state != State::asked) return true;
  copy_bytes(made->mac, record.mac, 6);
  made->known_ms = now_ms_ - record.age_ms;
  made->state = State::known;
  return true;
}

bool Neighbours::import_state(StateSource& source) {
  uint32_t count = 0;
  if (!source.read(&source, &count, sizeof count) || count > capacity) return false;
  Record record;
  for (uint32_t i = 0; i < count; i++)
    if (!source.read(&source, &record, sizeof record) || !import_one(record)) return false;
  return true;
}

}  // namespace vireo::vnf
