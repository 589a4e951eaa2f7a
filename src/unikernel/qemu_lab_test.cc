// SPDX-License-Identifier: Apache-2.0
// The image of a function under QEMU between two taps in namespaces of the test's own.
#include <gtest/gtest.h>

#include "unikernel/qemu_test_support.h"
#include "vnf/posix/lab_test_support.h"
#include "vnf/posix/launch_test_support.h"
#include "vnf/responder.h"

namespace vireo::unikernel {
namespace {

const std::string functions = VIREO_FUNCTIONS;

// Ports are taps that this process holds.
Result<std::unique_ptr<Qemu>> start(const std::string& function, const std::string& identity,
                                    std::vector<int> taps) {
  QemuMachine machine{functions + "/" + function + ".elf", identity, {}, std::move(taps), {}, 64};
  for (size_t i = 0; i < machine.fds.size(); i++)
    machine.networks.push_back("tap,fd=" + std::to_string(3 + i));
  auto qemu = TRY(Qemu::start(machine));
  TRY(qemu->console_until("ready\n"));
  return qemu;
}

void expect_ping(const Fd& from, const std::string& arguments) {
  auto answer = vnf::run_in(from, "ping -W 5 " + arguments);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_NE(answer->find(" 0% packet loss"), std::string::npos) << *answer;
}

TEST(QemuLab, a_responder_answers_ping) {
  auto lab = vnf::Lab::make(vnf::LabKind::tap);
  ASSERT_TRUE(lab) << lab.error().message;
  auto identity = vnf::plain_identity(1, 0);
  vnf::add_address(*identity, 0, "10.9.0.2/24");
  vnf::add_address(*identity, 0, "fd09::2/64");
  auto qemu =
      start("responder", identity_bytes(*identity, vnf::Responder::Config{}), {lab->ports()[0]});
  ASSERT_TRUE(qemu) << qemu.error().message;
  expect_ping(lab->client(), "-c 5 -i 0.1 10.9.0.2");
  expect_ping(lab->client(), "-c 100 -i 0.002 -s 1400 fd09::2");
}

TEST(QemuLab, a_forwarder_joins_two_taps) {
  auto lab = vnf::Lab::make(vnf::LabKind::tap);
  ASSERT_TRUE(lab) << lab.error().message;
  auto qemu =
      start("forwarder", identity_bytes(*vnf::plain_identity(2, 0), std::string()), lab->ports());
  ASSERT_TRUE(qemu) << qemu.error().message;
  expect_ping(lab->client(), "-c 5 -i 0.1 10.9.0.2");
  expect_ping(lab->server(), "-c 100 -i 0.002 -s 1400 fd09::1");
}

// Segments of up to 64 KB, whose checksums the receiver's card would have computed.
TEST(QemuLab, a_stream_of_large_segments_goes_through_whole) {
  auto lab = vnf::Lab::make(vnf::LabKind::tap);
  ASSERT_TRUE(lab) << lab.error().message;
  auto qemu =
      start("forwarder", identity_bytes(*vnf::plain_identity(2, 0), std::string()), lab->ports());
  ASSERT_TRUE(qemu) << qemu.error().message;
  const std::string python = "python3 -c 'import socket,hashlib; ";
  const vnf::Background server(lab->server(),
                               python +
                                   "l=socket.create_server((\"\",5001)); c,_=l.accept(); "
                                   "h=hashlib.sha256(); f=c.makefile(\"rwb\"); "
                                   "h.update(f.read(33554432)); f.write(h.digest()); f.flush(); "
                                   "c.close()'");
  ASSERT_TRUE(vnf::wait_listening(lab->server(), 5001));
  auto answer = vnf::run_in(lab->client(),
                            python +
                                "b=bytes(i*i%251 for i in range(65536))*512; "
                                "c=socket.create_connection((\"10.9.0.2\",5001),60); c.sendall(b); "
                                "print(\"whole\" if c.recv(32,socket.MSG_WAITALL)=="
                                "hashlib.sha256(b).digest() else \"damaged\")'");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, "whole\n");
}

}  // namespace
}  // namespace vireo::unikernel
