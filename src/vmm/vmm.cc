// SPDX-License-Identifier: Apache-2.0
#include "vmm/vmm.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

#include "vmm/fault_report.h"
#include "vmm/template.h"
#include "vnf/vitals.h"

namespace vireo::vmm {

namespace {

uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// A message of the platform's waits at most this many busy waits of the guest's.
constexpr unsigned most_busy_waits = 32;

}  // namespace

void Vmm::open() {
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

int Vmm::fail_guest(const GuestExit& exit) {
  const kvm_regs registers = processor_.registers();
  log_registers(registers);
  char text[fault_text_bytes];
  const uint32_t length = describe_fault(exit.reason, registers, image_file_, text);
  if (vitals_shared_ != 0) vnf::set_failed(vitals(), text, length);
  return fail("the guest ended", text);
}

void Vmm::drain() {
  if (vitals_shared_ != 0) vnf::set_state(vitals(), vnf::FunctionState::draining);
}

// -1: the guest waits for its identity.
int Vmm::load(const ReceivedMessage& message) {
  LoadRequest request;
  const unsigned fds = message.fd_count;
  if (message.header.length != sizeof request || fds < 1 || fds > 2)
    return fail("malformed request to load", "");
  std::memcpy(&request, message.payload, sizeof request);
  port_count_ = request.port_count < vnf::max_ports ? request.port_count : vnf::max_ports;
  image_file_ = message.fds[0];
  if (fds == 1) return boot_image(request);
  const int code = copy_template(request, message.fds[1]);
  ::close(message.fds[1]);
  return code;
}

int Vmm::boot_image(const LoadRequest& request) {
  if (!memory_.open(request.memory_bytes)) return fail("no memory", std::strerror(errno));
  Image image;
  if (const char* fault = load_image(image_file_, memory_, image)) return fail("the image", fault);
  boot() = {machine::boot_magic,
            machine::machine_version,
            request.memory_bytes,
            processor_.tsc_khz(),
            port_count_,
            0,
            monotonic_ns(),
            0,
            0};
  if (!processor_.start(memory_, make_page_tables(memory_, image), image.entry, machine::boot_page))
    return fail(processor_.failed(), std::strerror(errno));
  return run_guest();
}

int Vmm::copy_template(const LoadRequest& request, int file) {
  TemplateState state;
  if (const char* fault = open_template(file, request.memory_bytes, memory_, state))
    return fail("the template", fault);
  for (uint32_t port = 0; port < vnf::max_ports; port++)
    if (!ports_[port].restore(state.devices[port], memory_))
      return fail("the template", "has impossible queues");
  if (!processor_.restore(memory_, state.page_tables, state.general, state.floating))
    return fail(processor_.failed(), std::strerror(errno));
  return -1;
}

int Vmm::save(int file) {
  TemplateState state;
  state.memory_bytes = memory_.bytes();
  state.writable_begin = memory_.writable_begin();
  state.page_tables = machine::page_tables;
  if (!processor_.save(state.general, state.floating))
    return fail(processor_.failed(), std::strerror(errno));
  for (uint32_t port = 0; port < vnf::max_ports; port++) state.devices[port] = ports_[port].save();
  const bool written = write_template(file, memory_, state);
  ::close(file);
  if (!written) return fail("cannot write a template", std::strerror(errno));
  link_.send(message_saved, 0, nullptr, 0);
  return -1;
}

// The identity is copied: its file may be shared by others.
bool Vmm::begin(const ReceivedMessage& message) {
  if (message.fd_count < 2) return false;
  struct stat identity {};
  if (::fstat(message.fds[1], &identity) != 0 || identity.st_size <= 0) return false;
  const auto bytes = static_cast<uint64_t>(identity.st_size);
  if (bytes > machine::image_begin - machine::identity_begin) return false;
  if (::pread(message.fds[1], memory_.own(machine::identity_begin), bytes, 0) !=
          static_cast<ssize_t>(bytes) ||
      !memory_.share_page(machine::vitals_page, message.fds[0]))
    return false;
  vitals_shared_ = 1;
  port_count_ = message.fd_count - 2;
  for (uint32_t port = 0; port < port_count_; port++) ports_[port].plug(message.fds[2 + port]);
  ::close(message.fds[0]);
  ::close(message.fds[1]);
  boot().port_count = port_count_;
  boot().begun = 1;
  return begun_ = true;
}

bool Vmm::move_packets() {
  bool any = false;
  for (uint32_t port = 0; port < port_count_; port++) any |= ports_[port].flush();
  for (uint32_t port = 0; port < port_count_; port++) any |= ports_[port].fill();
  return any;
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
    // A tap that is gone would wake us without end.
    if ((fds[i].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) owners[i]->plug(-1);
    if ((fds[i].revents & POLLIN) != 0) owners[i]->fill();
  }
}

void Vmm::wait(uint32_t microseconds) {
  const bool any = move_packets();
  if (!begun_) {
    parked_ = true;
    return;
  }
  if (!any && boot().agent_waits == 0 && microseconds != 0) {
    sleep(microseconds);
    busy_waits_ = 0;
  } else if (++busy_waits_ >= most_busy_waits) {
    sleep(0);
    busy_waits_ = 0;
  }
  boot().now_ns = monotonic_ns();
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
  if (write && at == machine::control_device + machine::control_wait) wait(exit.value);
  if (write && at == machine::control_device + machine::control_call) return call(exit.value);
  return true;
}

int Vmm::run_guest() {
  for (parked_ = false; !parked_;) {
    const GuestExit exit = processor_.run();
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
    if (message.header.type != message_save || message.fd_count != 1)
      return fail("the platform asked for something else than to begin", "");
    if (int code = save(message.fds[0]); code >= 0) return code;
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
  boot().now_ns = monotonic_ns();
  const int code = run_guest();
  return code < 0 ? 0 : code;
}

}  // namespace vireo::vmm
