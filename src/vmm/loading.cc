// SPDX-License-Identifier: Apache-2.0
// A machine's way to its identity: an image or a template, a rehearsal, `begin`.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "vmm/rehearsal.h"
#include "vmm/template.h"
#include "vmm/vmm.h"

namespace vireo::vmm {

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
  if (const char* fault = load_image(image_file_, memory_, image))
    return refuse("the image", fault);
  boot() = {machine::boot_magic,
            machine::machine_version,
            request.memory_bytes,
            processor_.tsc_khz(),
            port_count_,
            0,
            monotonic_ns(),
            0,
            0,
            0};
  if (!processor_.give(memory_, make_page_tables(memory_, image)) ||
      !processor_.start(image.entry, machine::boot_page))
    return fail(processor_.failed(), std::strerror(errno));
  return run_guest();
}

int Vmm::copy_template(const LoadRequest& request, int file) {
  TemplateState state;
  if (const char* fault = open_template(file, request.memory_bytes, memory_, state))
    return refuse("the template", fault);
  if (!processor_.give(memory_, state.page_tables))
    return fail(processor_.failed(), std::strerror(errno));
  return restore(state);
}

int Vmm::restore(const TemplateState& state) {
  for (uint32_t port = 0; port < vnf::max_ports; port++)
    if (!ports_[port].restore(state.devices[port], memory_))
      return refuse("the template", "has impossible queues");
  if (!processor_.restore(state.general, state.floating))
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

// Of the template everything comes back that the rehearsal has changed, but for the vitals, which
// have another page for good.
int Vmm::rehearse(const ReceivedMessage& message) {
  const int file = message.fds[0];
  TemplateState state;
  const char* fault = read_template(file, memory_.bytes(), state);
  if (fault != nullptr) return refuse("the template", fault);
  if (!memory_.become_copy(file) || !memory_.share_page(machine::vitals_page, message.fds[1]) ||
      !copy_identity(message.payload, message.header.length))
    return fail("cannot rehearse", std::strerror(errno));
  enter(memory_.own_as<vnf::Identity>(machine::identity_begin).port_count);
  rehearsal_waits_ = waits_in_rehearsal;
  const int code = run_guest();
  rehearsal_waits_ = 0;
  if (code >= 0) return code;
  if (!processor_.halt() || !restore_copied_pages(pagemap_, file, memory_))
    return fail("cannot end a rehearsal", std::strerror(errno));
  std::memset(memory_.own(machine::vitals_page), 0, machine::page_bytes);
  if (int restored = restore(state); restored >= 0) return restored;
  for (unsigned i = 0; i < message.fd_count; i++) ::close(message.fds[i]);
  rehearsed_ = true;
  link_.send(message_rehearsed, 0, nullptr, 0);
  return -1;
}

// No tap is there: what the guest sends goes nowhere.
void Vmm::wait_in_rehearsal() {
  move_packets();
  const auto& identity = memory_.own_as<vnf::Identity>(machine::identity_begin);
  uint8_t frame[rehearsal_frame_bytes];
  for (uint32_t port = 0; port < identity.port_count && port < vnf::max_ports; port++) {
    write_rehearsal_frame(identity.ports[port], frame);
    ports_[port].put(frame, sizeof frame);
  }
  boot().now_ns = monotonic_ns();
  parked_ = --rehearsal_waits_ == 0;
}

bool Vmm::copy_identity(const uint8_t* bytes, uint64_t count) {
  if (count == 0 || count > machine::image_begin - machine::identity_begin) return false;
  std::memcpy(memory_.own(machine::identity_begin), bytes, count);
  return true;
}

// Copied: the file may be shared by others.
bool Vmm::read_identity(int file) {
  struct stat identity {};
  if (::fstat(file, &identity) != 0 || identity.st_size <= 0) return false;
  const auto bytes = static_cast<uint64_t>(identity.st_size);
  return bytes <= machine::image_begin - machine::identity_begin &&
         ::pread(file, memory_.own(machine::identity_begin), bytes, 0) ==
             static_cast<ssize_t>(bytes);
}

void Vmm::enter(uint32_t port_count) {
  boot().port_count = port_count;
  boot().begun = 1;
  boot().now_ns = monotonic_ns();
}

bool Vmm::begin(const ReceivedMessage& message) {
  const bool warm = message.header.value == begin_after_rehearsal;
  const unsigned before_ports = warm ? 0 : 2;
  if (message.fd_count < before_ports || (warm && !rehearsed_)) return false;
  const bool given = warm ? copy_identity(message.payload, message.header.length)
                          : read_identity(message.fds[1]) &&
                                memory_.share_page(machine::vitals_page, message.fds[0]);
  if (!given) return false;
  vitals_shared_ = 1;
  port_count_ = message.fd_count - before_ports;
  for (uint32_t port = 0; port < port_count_; port++)
    ports_[port].plug(message.fds[before_ports + port]);
  for (unsigned i = 0; i < before_ports; i++) ::close(message.fds[i]);
  enter(port_count_);
  start_polling();
  return begun_ = true;
}

}  // namespace vireo::vmm
