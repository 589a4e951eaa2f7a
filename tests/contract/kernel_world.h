// SPDX-License-Identifier: Apache-2.0
// Opens a fabric of the kernel's interfaces for the suites; `T` is its class.
#pragma once
#include "fabric/place.h"
#include "fabric_contract.h"
#include "host/files.h"
#include "host/namespace.h"
#include "host/netlink.h"

namespace vireo {

template <class T>
Result<std::unique_ptr<Fabric>> open_kernel_fabric(FabricPlace place) {
  return std::unique_ptr<Fabric>(TRY(T::open(std::move(place))));
}

// Network namespaces of its own.
template <class T>
class KernelWorld final : public FabricWorld {
 public:
  static std::unique_ptr<FabricWorld> make() { return std::make_unique<KernelWorld>(); }

  std::unique_ptr<Fabric> open() override {
    Result<std::unique_ptr<Fabric>> made = open_kernel_fabric<T>(
        {*fabric_.duplicate(), *ends_.duplicate(), *host_.duplicate(), directory_.path()});
    EXPECT_TRUE(made.has_value()) << made.error().message;
    return *std::move(made);
  }
  size_t left() override { return interfaces(fabric_) + interfaces(ends_) + interfaces(host_); }

 private:
  static size_t interfaces(const Fd& network_namespace) {
    return Netlink::open(&network_namespace)->links()->size() - 1;  // the loopback
  }
  TemporaryDirectory directory_ = *TemporaryDirectory::make("fabric");
  Fd fabric_ = *new_network_namespace();
  Fd ends_ = *new_network_namespace();
  Fd host_ = *new_network_namespace();
};

}  // namespace vireo
