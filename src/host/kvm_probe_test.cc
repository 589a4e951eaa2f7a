// SPDX-License-Identifier: Apache-2.0
#include "host/kvm_probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace vireo {
namespace {

TEST(KvmProbe, a_device_that_is_not_open_is_absent) {
  const KvmProbe probe = probe_kvm(Fd());
  EXPECT_EQ(probe.kind, KvmProbe::Kind::absent);
  EXPECT_FALSE(probe.runs_user_mode());
  EXPECT_FALSE(probe.why.empty());
  EXPECT_EQ(text_of(probe), "no KVM");
}

TEST(KvmProbe, a_node_is_no_kvm) {
  const KvmProbe probe = probe_kvm(Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
  EXPECT_EQ(probe.kind, KvmProbe::Kind::unusable);
  EXPECT_FALSE(probe.runs_user_mode());
  EXPECT_TRUE(probe.why.starts_with("/dev/kvm is no KVM")) << probe.why;
}

TEST(KvmProbe, says_of_this_host_what_it_ran) {
  const KvmProbe probe = probe_kvm(open_kvm());
  EXPECT_EQ(probe.runs_user_mode(), probe.why.empty()) << text_of(probe) << ": " << probe.why;
}

}  // namespace
}  // namespace vireo
