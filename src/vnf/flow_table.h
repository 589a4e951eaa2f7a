// SPDX-License-Identifier: Apache-2.0
// A hash table of flows in memory that is asked for once: chained, constant time, nothing allocated
// per packet. Entries are handed out in order, so pages that were never needed are never touched.
// The hash is keyed by the instance's random seed: nobody outside can aim at one chain.
#pragma once
#include "vnf/abi.h"
#include "vnf/bytes.h"

namespace vireo::vnf {

struct HashKey {
  uint64_t first = 0, second = 0;
};
inline HashKey hash_key_of(const Identity& identity) {
  HashKey key;
  __builtin_memcpy(&key, identity.seed, sizeof key);
  return key;
}

inline uint64_t mix_words(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// `T` is plain data without padding, a multiple of eight bytes.
template <class T>
inline uint32_t hash_of(const HashKey& key, const T& value) {
  static_assert(sizeof(T) % 8 == 0);
  uint64_t words[sizeof(T) / 8];
  __builtin_memcpy(words, &value, sizeof value);
  uint64_t hash = key.second;
  for (const uint64_t word : words)
    hash = mix_words(hash ^ word ^ 0x9e3779b97f4a7c15, key.first ^ 0xc2b2ae3d27d4eb4f) + hash;
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

inline constexpr uint32_t no_entry = 0;

// `Entry` is plain data with members `uint32_t next` and `bool used`, which belong to the table.
template <class Entry>
class FlowTable {
 public:
  using Memory = void* (*)(size_t bytes);

  // Once. False: no memory.
  bool reserve(Memory memory, uint32_t capacity) {
    uint32_t buckets = 16;
    while (buckets < capacity) buckets *= 2;
    heads_ = static_cast<uint32_t*>(memory(buckets * sizeof(uint32_t)));
    entries_ = static_cast<Entry*>(memory((size_t{capacity} + 1) * sizeof(Entry)));
    mask_ = buckets - 1;
    capacity_ = capacity;
    end_ = 1;
    return heads_ != nullptr && entries_ != nullptr;
  }

  Entry& operator[](uint32_t index) { return entries_[index]; }
  const Entry& operator[](uint32_t index) const { return entries_[index]; }
  uint32_t size() const { return size_; }
  bool full() const { return size_ == capacity_; }
  uint32_t end() const { return end_; }  // all entries are below; the first is 1

  template <class Same>
  uint32_t find(uint32_t hash, Same same) const {
    uint32_t at = heads_[hash & mask_];
    while (at != no_entry && !same(entries_[at])) at = entries_[at].next;
    return at;
  }

  // A zeroed entry; no_entry when full.
  uint32_t insert(uint32_t hash) {
    if (full()) return no_entry;
    uint32_t at = free_;
    if (at != no_entry) {
      free_ = entries_[at].next;
    } else {
      at = end_++;
    }
    Entry& entry = entries_[at];
    __builtin_memset(&entry, 0, sizeof entry);
    entry.used = true;
    entry.next = heads_[hash & mask_];
    heads_[hash & mask_] = at;
    size_++;
    return at;
  }

  void erase(uint32_t hash, uint32_t index) {
    uint32_t* link = &heads_[hash & mask_];
    while (*link != index) link = &entries_[*link].next;
    *link = entries_[index].next;
    entries_[index].used = false;
    entries_[index].next = free_;
    free_ = index;
    size_--;
  }

  // Visits the used ones among the next `slots` entries, going round. `visit` may erase its entry.
  template <class Visit>
  void sweep(uint32_t slots, Visit visit) {
    if (end_ <= 1) return;
    if (slots >= end_) slots = end_ - 1;
    for (; slots > 0; slots--) {
      if (++cursor_ >= end_) cursor_ = 1;
      if (entries_[cursor_].used) visit(cursor_);
    }
  }

 private:
  uint32_t* heads_ = nullptr;
  Entry* entries_ = nullptr;
  uint32_t mask_ = 0, capacity_ = 0, size_ = 0;
  uint32_t end_ = 0, free_ = no_entry, cursor_ = 0;
};

}  // namespace vireo::vnf
