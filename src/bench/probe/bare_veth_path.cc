// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "bench/probe/commands.h"
#include "bench/probe/iperf.h"
#include "bench/probe/path.h"
#include "host/child_process.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr const char* far_address = "10.96.0.10";

class BareVethPath final : public Path {
 public:
  ~BareVethPath() override {
    server_.reset();
    if (outcome()) (void)run_script("ip link del bare0; ip netns del bare").has_value();
  }

  Row row() const override { return peer_row("bare_veth"); }

 private:
  Result<std::string> make() override {
    TRY(iperf_version());
    TRY(
        run_script("ip netns add bare; ip link add bare0 type veth peer name eth0 netns bare;"
                   "ip addr add 10.96.0.1/24 dev bare0; ip link set bare0 up;"
                   "ip -n bare link set lo up; ip -n bare link set eth0 up;"
                   "ip -n bare addr add 10.96.0.10/24 dev eth0"));
    ChildCommand command;
    command.program = "ip";
    command.arguments = {"ip", "netns", "exec", "bare"};
    for (const std::string& word : iperf_server()) command.arguments.push_back(word);
    command.new_session = true;
    server_ = TRY(ChildProcess::start(command));
    TRY(wait_for_iperf(far_address, 5s));
    return std::string(far_address);
  }

  std::optional<ChildProcess> server_;
};

}  // namespace

std::shared_ptr<Path> make_bare_veth_path() { return std::make_shared<BareVethPath>(); }

}  // namespace vireo::bench
