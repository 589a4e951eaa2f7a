// SPDX-License-Identifier: Apache-2.0
#include "vmm/vmm.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

#include "vmm/fault_report.h"
#include "vnf/vitals.h"

namespace vireo::vmm {

namespace {

// A message of the platform's waits at most this many busy waits of the guest's. A guest that polls
// waits at its ticks.
constexpr unsigned most_busy_waits = 32;

}  // namespace

void Vmm::open(int pagemap) {
  pagemap_ = pagemap;
  if (processor_.open(fd_kvm)) return;
  _exit(fail(processor_.failed(), std::strerror(errno)));
}

int Vmm::fail(const char* what, const char* why) {
  char text[256];
  const int length =
      std::snprintf(text, sizeof text, "%s%s%s", what, *why == '\0' ? "" : ": ", why);
  const auto bytes = static_cast<uint32_t>(length < 255 ? length : 255);
  link_.send(static_cast<uint32_t>(vnf::AgentMessage::failed), 0, text, bytes);
  std::fprintf(stderr, "%s\n", text);
  return 1;
}

int Vmm::refuse(const char* file, const char* fault) {
  char text[128];
  std::snprintf(text, sizeof text, "%s %s", file, fault);
  return fail(text, "");
}

// A function that is deaf on one side is of no use: with another tap it is.
int Vmm::fail_port(uint32_t port) {
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "port %u is gone: somebody removed its tap", port);
  if (vitals_shared_ != 0) vnf::set_failed(vitals(), text, static_cast<uint32_t>(length));
  return fail(text, "");
}

int Vmm::fail_guest(const GuestExit& exit) {
  const kvm_regs registers = processor_.registers();
  log_registers(registers);
  char text[fault_text_bytes];
  const uint32_t length = describe_fault(exit.reason, registers, image_file_, text);
  if (vitals_shared_ != 0) vnf::set_failed(vitals(), text, length);
  return fail("the guest ended", text);
}

uint64_t Vmm::monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void Vmm::drain() {
  if (vitals_shared_ != 0) vnf::set_state(vitals(), vnf::FunctionState::draining);
}

// Whether the guest has something to do: a packet came, or a port has no room for one before the
// guest takes back what was sent. That alone is no reason: to enter it costs 25 us.
bool Vmm::move_packets() {
  bool sent = false, came = false, starved = false;
  for (uint32_t port = 0; port < port_count_; port++) sent |= ports_[port].flush();
  for (uint32_t port = 0; port < port_count_; port++) came |= ports_[port].fill();
  for (uint32_t port = 0; sent && !came && port < port_count_; port++)
    starved |= !ports_[port].has_room();
  return came || starved;
}

void Vmm::sleep(uint32_t microseconds) {
  pollfd fds[1 + vnf::max_ports];
  VirtioNet* owners[1 + vnf::max_ports] = {};
  nfds_t count = 0;
  fds[count++] = {link_.fd(), POLLIN, 0};
  for (uint32_t port = 0; port < port_count_; port++) {
    if (!ports_[port].has_room()) continue;
    owners[count] = &ports_[port];
    fds[count++] = {ports_[port].tap(), POLLIN, 0};
  }
  const timespec time{microseconds / 1'000'000, microseconds % 1'000'000 * 1000};
  ::ppoll(fds, count, microseconds == machine::wait_for_ever ? nullptr : &time, nullptr);
  if (fds[0].revents != 0) boot().agent_waits = 1;
  for (nfds_t i = 1; i < count; i++) {
    if ((fds[i].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
      lost_port_ = static_cast<int>(owners[i] - ports_);
    if ((fds[i].revents & POLLIN) != 0) owners[i]->fill();
  }
}

bool Vmm::wait(uint32_t microseconds) {
  if (rehearsal_waits_ > 0) return wait_in_rehearsal(), true;
  const bool work = move_packets();
  if (!begun_) return parked_ = true;
  if (!work && boot().agent_waits == 0 && microseconds != 0) {
    sleep(microseconds);
    busy_waits_ = 0;
  } else if (++busy_waits_ >= most_busy_waits || poller_.started()) {
    sleep(0);
    busy_waits_ = 0;
  }
  boot().now_ns = monotonic_ns();
  if (lost_port_ >= 0) end_code_ = fail_port(static_cast<uint32_t>(lost_port_));
  return lost_port_ < 0;
}

int64_t Vmm::hear(const machine::Call& call) {
  constexpr uint64_t longest = 2'000'000;
  uint8_t* room = memory_.writable(call.address, call.bytes);
  ReceivedMessage message;
  const auto patience = static_cast<int64_t>(call.value < longest ? call.value : longest);
  const bool some = room != nullptr && link_.receive(patience, message);
  for (unsigned i = 0; some && i < message.fd_count; i++) ::close(message.fds[i]);
  if (!some) {
    boot().agent_waits = 0;
    return 0;
  }
  const uint64_t whole = sizeof message.header + message.header.length;
  if (whole > call.bytes) return 0;
  std::memcpy(room, &message.header, sizeof message.header);
  std::memcpy(room + sizeof message.header, message.payload, message.header.length);
  return static_cast<int64_t>(whole);
}

bool Vmm::call(uint64_t address) {
  uint8_t* at = memory_.writable(address, sizeof(machine::Call));
  if (at == nullptr || address % alignof(machine::Call) != 0) return true;
  machine::Call call;
  std::memcpy(&call, at, sizeof call);
  asm volatile("" : : : "memory");  // the copy alone is looked at
  if (rehearsal_waits_ > 0) {       // nobody hears it, and its end is the rehearsal's
    parked_ |= call.kind == static_cast<uint32_t>(machine::CallKind::end);
    return true;
  }
  const uint8_t* bytes = memory_.readable(call.address, call.bytes);
  int64_t result = -1;
  switch (static_cast<machine::CallKind>(call.kind)) {
    case machine::CallKind::print:
      if (bytes != nullptr && call.bytes <= 4096) result = ::write(1, bytes, call.bytes);
      break;
    case machine::CallKind::end:
      end_code_ = static_cast<int>(call.value & 0xff);
      return false;
    case machine::CallKind::tell:
      for (uint32_t port = 0; port < port_count_; port++) ports_[port].flush();
      if (call.bytes <= vnf::agent_chunk_bytes && (bytes != nullptr || call.bytes == 0) &&
          link_.send(static_cast<uint32_t>(call.value >> 32), static_cast<uint32_t>(call.value),
                     bytes, call.bytes))
        result = 0;
      break;
    case machine::CallKind::hear:
      result = hear(call);
      break;
  }
  std::memcpy(at + offsetof(machine::Call, result), &result, sizeof result);
  return true;
}

bool Vmm::access(const GuestExit& exit) {
  const uint64_t at = exit.address, page = machine::page_bytes;
  const bool write = exit.kind == GuestExit::Kind::write;
  if (at >= machine::network_device(0) && at < machine::network_device(vnf::max_ports)) {
    VirtioNet& device = ports_[(at - machine::network_device(0)) / page];
    if (write)
      device.write(static_cast<uint32_t>(at % page), exit.value, memory_);
    else
      processor_.answer(device.read(static_cast<uint32_t>(at % page)));
    return true;
  }
  if (!write) processor_.answer(0xffffffff);
  if (write && at == machine::control_device + machine::control_wait) return wait(exit.value);
  if (write && at == machine::control_device + machine::control_call) return call(exit.value);
  return true;
}

// The other thread has the devices meanwhile, and only then.
GuestExit Vmm::run_processor() {
  if (!poller_.started()) return processor_.run();
  poller_.give();
  const GuestExit exit = processor_.run();
  poller_.take();
  return exit;
}

// Without a second thread the guest polls by asking: each look costs it an exit.
void Vmm::start_polling() {
  if (memory_.own_as<vnf::Identity>(machine::identity_begin).spin_microseconds == 0) return;
  auto turn = [](void* self) { return static_cast<Vmm*>(self)->take_turn(); };
  boot().polled = poller_.start(turn, this) ? 1 : 0;
}

bool Vmm::take_turn() {
  bool any = false;
  for (uint32_t port = 0; port < port_count_; port++) any |= ports_[port].flush();
  for (uint32_t port = 0; port < port_count_; port++) any |= ports_[port].fill();
  __atomic_store_n(&boot().turns, boot().turns + 1, __ATOMIC_RELEASE);
  return any;
}

int Vmm::run_guest() {
  for (parked_ = false; !parked_;) {
    const GuestExit exit = run_processor();
    switch (exit.kind) {
      case GuestExit::Kind::write:
      case GuestExit::Kind::read:
        if (!access(exit)) return end_code_;
        break;
      case GuestExit::Kind::interrupted:
        break;
      case GuestExit::Kind::fault:
        return fail_guest(exit);
      case GuestExit::Kind::failed:
        return fail(exit.reason, std::strerror(errno));
    }
  }
  return -1;
}

// -1: it has begun.
int Vmm::await_begin() {
  ReceivedMessage message;
  while (link_.receive(-1, message)) {
    if (message.header.type == static_cast<uint32_t>(vnf::AgentMessage::begin))
      return begin(message) ? -1 : fail("the platform did not begin with what it should", "");
    int code = 0;
    if (message.header.type == message_save && message.fd_count == 1)
      code = save(message.fds[0]);
    else if (message.header.type == message_rehearse && message.fd_count == 2)
      code = rehearse(message);
    else
      return fail("the platform asked for something else than to begin", "");
    if (code >= 0) return code;
  }
  return 0;
}

int Vmm::run() {
  ReceivedMessage message;
  if (!link_.receive(-1, message)) return 0;  // the platform needs it no more
  if (message.header.type != message_load) return fail("the platform did not load an image", "");
  if (int code = load(message); code >= 0) return code;
  link_.send(message_loaded, 0, nullptr, 0);
  if (int code = await_begin(); code >= 0) return code;
  const int code = run_guest();
  return code < 0 ? 0 : code;
}

}  // namespace vireo::vmm
