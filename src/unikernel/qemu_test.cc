// SPDX-License-Identifier: Apache-2.0
// The image of a function under QEMU: it answers, says what it lacks, and keeps the rights of its
// pages. Needs no privilege: frames go through datagram sockets.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <map>
#include <sstream>

#include "unikernel/machine.h"
#include "unikernel/qemu_test_support.h"
#include "vnf/responder.h"
#include "vnf/testing.h"

namespace vireo::unikernel {
namespace {

using namespace vnf::testing;

const std::string functions = VIREO_FUNCTIONS;

std::string responder_identity() {
  return identity_bytes(*identity_of({{"10.0.0.2/24"}}), vnf::Responder::Config{});
}

sockaddr_un address_of_path(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// The far end of a machine's network device.
class Cable {
 public:
  Cable() : folder_(std::move(*TemporaryDirectory::make("vireo-cable"))) {
    fd_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const sockaddr_un own = address_of_path(folder_.path() + "/near");
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
  }
  std::string network() const {
    return "dgram,local.type=unix,local.path=" + folder_.path() +
           "/far,remote.type=unix,remote.path=" + folder_.path() + "/near";
  }
  void send(const Bytes& frame) {
    const sockaddr_un far = address_of_path(folder_.path() + "/far");
    EXPECT_EQ(::sendto(fd_.get(), frame.data(), frame.size(), 0,
                       reinterpret_cast<const sockaddr*>(&far), sizeof far),
              static_cast<ssize_t>(frame.size()));
  }
  // Empty: none came in time.
  Bytes receive() {
    pollfd wait{fd_.get(), POLLIN, 0};
    Bytes frame(2048);
    if (::poll(&wait, 1, 30'000) != 1) return {};
    const ssize_t got = ::recv(fd_.get(), frame.data(), frame.size(), 0);
    frame.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return frame;
  }

 private:
  TemporaryDirectory folder_;
  Fd fd_;
};

TEST(Qemu, a_function_answers_after_it_has_slept) {
  Cable cable;
  auto qemu =
      Qemu::start({functions + "/responder.elf", responder_identity(), {cable.network()}, {}});
  ASSERT_TRUE(qemu) << qemu.error().message;
  auto ready = (*qemu)->console_until("ready\n");
  ASSERT_TRUE(ready) << ready.error().message;
  for (int i = 0; i < 300; i++) {  // more than the queues have entries
    cable.send(arp_request("10.0.0.1", "10.0.0.2"));
    ASSERT_EQ(to_hex(cable.receive()),
              "020000000001"
              "020000000100"
              "0806"
              "0001080006040002"
              "020000000100"
              "0a000002"
              "020000000001"
              "0a000001")
        << i;
  }
}

TEST(Qemu, ports_are_the_devices_in_their_order) {
  Cable cables[3];
  auto identity = identity_of({{"10.0.0.2/24"}, {"10.0.1.2/24"}, {"10.0.2.2/24"}});
  auto qemu = Qemu::start({functions + "/responder.elf",
                           identity_bytes(*identity, vnf::Responder::Config{}),
                           {cables[0].network(), cables[1].network(), cables[2].network()},
                           {}});
  ASSERT_TRUE(qemu) << qemu.error().message;
  ASSERT_TRUE((*qemu)->console_until("ready\n"));
  for (int i = 0; i < 3; i++) {
    const std::string net = "10.0." + std::to_string(i);
    cables[i].send(arp_request(net + ".1", net + ".2"));
    EXPECT_EQ(to_hex(cables[i].receive()).substr(12, 12), "02000000010" + std::to_string(i));
  }
}

struct Lack {
  const char* console;
  QemuMachine machine;
};

TEST(Qemu, a_machine_says_what_it_lacks_and_ends) {
  const std::string image = functions + "/responder.elf", identity = responder_identity();
  const Lack lacks[] = {
      {"it needs -initrd", {image, "", {}, {}}},
      {"not an identity", {image, identity.substr(0, identity.size() - 1), {}, {}}},
      {"not an identity", {image, "short", {}, {}}},
      {"it needs -m", {image, identity, {}, {}, {}, 8}},
      {"a port's device does not work", {image, identity, {}, {}}},
      {"a port's device does not work",  // a device of the older version
       {image, identity, {"user"}, {}, {"-global", "virtio-mmio.force-legacy=true"}}},
      {"interval timer", {image, identity, {}, {}, {"-M", "microvm,acpi=off,pit=off"}}}};
  for (const Lack& lack : lacks) {
    auto qemu = Qemu::start(lack.machine);
    ASSERT_TRUE(qemu) << qemu.error().message;
    auto console = (*qemu)->console_until(lack.console);
    EXPECT_TRUE(console) << console.error().message;
    auto status = (*qemu)->wait_exit();
    ASSERT_TRUE(status) << lack.console;
    EXPECT_EQ(wait_status_text(*status), "exit code 3") << lack.console;
  }
}

// What QEMU's monitor answers.
std::string ask(const std::string& socket, const std::string& question) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of_path(socket);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return "";
  const std::string line = question + "\n";
  EXPECT_EQ(::send(fd.get(), line.data(), line.size(), 0), static_cast<ssize_t>(line.size()));
  std::string text;
  const std::string prompt = "(qemu) ";
  for (pollfd wait{fd.get(), POLLIN, 0}; ::poll(&wait, 1, 30'000) == 1;) {
    char part[4096];
    const ssize_t got = ::recv(fd.get(), part, sizeof part, 0);
    if (got <= 0) break;
    text.append(part, static_cast<size_t>(got));
    const size_t first = text.find(prompt);
    if (first != text.npos && text.find(prompt, first + 1) != text.npos) return text;
  }
  return "";
}

// Lines "0000000000204000: 0000000000204000 ---DA----": X first: not to execute; W last: to write.
TEST(Qemu, pages_have_the_rights_of_the_machine) {
  Cable cable;
  TemporaryDirectory folder = std::move(*TemporaryDirectory::make("vireo-monitor"));
  const std::string monitor = folder.path() + "/monitor";
  auto qemu = Qemu::start({functions + "/responder.elf",
                           responder_identity(),
                           {cable.network()},
                           {},
                           {"-monitor", "unix:" + monitor + ",server=on,wait=off"}});
  ASSERT_TRUE(qemu) << qemu.error().message;
  ASSERT_TRUE((*qemu)->console_until("ready\n"));
  const std::string text = ask(monitor, "info tlb");
  std::map<uint64_t, std::string> pages;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    unsigned long at = 0;
    char no_execute = 0, write = 0;
    if (std::sscanf(line.c_str(), "%16lx: %*s %c%*7c%c", &at, &no_execute, &write) == 3)
      pages[at] = {no_execute, write};
  }
  ASSERT_GT(pages.size(), 20u) << text;
  uint64_t code = 0, holes = 0, before = 0;
  for (const auto& [at, rights] : pages) {
    EXPECT_NE(rights, "-W") << std::hex << at;
    code += rights == "--" ? 1 : 0;
    if (at >= machine::image_begin && at < machine::heap_begin) {
      holes += before >= machine::image_begin && at == before + 2 * machine::page_bytes ? 1 : 0;
      before = at;
    }
  }
  EXPECT_GT(code, 0u);
  EXPECT_EQ(holes, 1u) << "the page below the stack";
  EXPECT_EQ(pages.count(0), 0u);
  EXPECT_EQ(pages.count(machine::page_tables), 0u);
  EXPECT_EQ(pages[machine::identity_begin], "X-");
  EXPECT_EQ(pages[machine::vitals_page], "XW");
}

}  // namespace
}  // namespace vireo::unikernel
