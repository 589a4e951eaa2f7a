// SPDX-License-Identifier: Apache-2.0
#include "vmm/poller.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vireo::vmm {

namespace {

// How often a thread looks for the other one's word before it gives up its processor, which the
// other may wait for: some 20 us, the guest's way out and in again.
constexpr unsigned patience = 1000;
// The same for turns in which nothing came, some 1 us each: the guest may wait for this processor.
constexpr unsigned turns_between_yields = 16;
// In the process's memory already: the jail has no mprotect() for guard pages (pthread_create).
alignas(64) char stack[64 << 10];

long futex(std::atomic<uint32_t>& at, int operation, uint32_t value) {
  return ::syscall(SYS_futex, &at, operation, value, nullptr, nullptr, 0);
}

}  // namespace

bool Poller::start(Turn turn, void* subject) {
  turn_ = turn;
  subject_ = subject;
  pthread_attr_t attributes;
  pthread_t thread;
  const bool made = ::pthread_attr_init(&attributes) == 0 &&
                    ::pthread_attr_setstack(&attributes, stack, sizeof stack) == 0 &&
                    ::pthread_create(&thread, &attributes, loop, this) == 0;
  if (!made) turn_ = nullptr;
  return made;
}

// Each thread says what it is about to do before it looks at the other's word (Dekker): the order
// is that of all sequentially consistent accesses.
void* Poller::loop(void* self) {
  auto& poller = *static_cast<Poller*>(self);
  for (unsigned idle = 0;;) {
    poller.turning_.store(1);
    const bool given = poller.given_.load() != 0;
    const bool any = given && poller.turn_(poller.subject_);
    poller.turning_.store(0, std::memory_order_release);
    idle = any ? 0 : idle + 1;
    if (!given) poller.sleep();
    if (idle < turns_between_yields) continue;
    ::sched_yield();
    idle = 0;
  }
}

void Poller::sleep() {
  for (unsigned i = 0; i < patience; i++) {
    if (given_.load(std::memory_order_relaxed) != 0) return;
    _mm_pause();
  }
  sleeping_.store(1);
  futex(given_, FUTEX_WAIT_PRIVATE, 0);
  sleeping_.store(0);
}

void Poller::give() {
  given_.store(1);
  if (sleeping_.load() != 0) futex(given_, FUTEX_WAKE_PRIVATE, 1);
}

void Poller::take() {
  given_.store(0);
  for (unsigned i = 0; turning_.load() != 0; i++)
    if (i < patience)
      _mm_pause();
    else
      ::sched_yield();
}

}  // namespace vireo::vmm
