// SPDX-License-Identifier: Apache-2.0
// What every fabric must do. A fabric passes by giving a world to live in and a kind of port whose
// endpoint is a descriptor; the suite sends Ethernet frames through it.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "fabric/fabric.h"

namespace vireo {

// One empty place for links and ports.
class FabricWorld {
 public:
  virtual ~FabricWorld() = default;
  virtual std::unique_ptr<Fabric> open() = 0;  // again: the daemon has been restarted
  virtual void pump() {}                       // moves frames where nothing moves them by itself
  virtual size_t left() = 0;                   // links, ports and interfaces that exist
};

struct FabricCase {
  std::string name;  // "bridge_tap"
  PortKind kind = PortKind::tap;
  std::function<std::unique_ptr<FabricWorld>()> make;
};

class FabricContract : public testing::TestWithParam<FabricCase> {
 protected:
  struct Plugged {
    PortId id;
    MacAddress mac;
    PortEndpoint endpoint;
  };

  void SetUp() override;
  void TearDown() override;  // removes all, and nothing may be left

  PortSpec spec(int number, int generation = 1) const;
  Plugged plug(const PortSpec& spec,
               GateState gate = GateState::blocked);  // prepared, bound, blocked
  void open(const Plugged& port);
  void block(const Plugged& port);
  void send(const Plugged& from, const MacAddress& to, const std::string& text);
  // The text of the next frame that a test sent, within a deadline; else "nothing".
  std::string receive(const Plugged& at);
  GateState gate_of(const PortId& id);

  template <class T>
  static T must(Result<T> result) {
    if (!result) {
      ADD_FAILURE() << result.error().message;
      std::abort();
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
  }

  template <class T>
  static Errc code_of(const Result<T>& result) {
    EXPECT_FALSE(result.has_value());
    return result ? Errc::internal : result.error().code;
  }

  std::unique_ptr<FabricWorld> world_;
  std::unique_ptr<Fabric> fabric_;
};

}  // namespace vireo
