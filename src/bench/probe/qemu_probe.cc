// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/rollback.h"
#include "bench/probe/commands.h"
#include "bench/probe/peers.h"
#include "host/child_process.h"
#include "host/files.h"
#include "unikernel/microvm.h"
#include "vnf/abi.h"
#include "vnf/responder.h"

namespace vireo::bench {
namespace {

using namespace std::chrono_literals;
constexpr const char* mac = "02:97:00:00:00:10";
constexpr const char *host = "10.98.1.1", *guest = "10.98.1.10";
constexpr uint16_t listening = 8080;

// The identity page of a responder that listens, as the platform would write it.
std::string identity() {
  vnf::Responder::Config config{};
  config.mode = static_cast<uint8_t>(vnf::Responder::Mode::accept);
  config.port = listening;
  vnf::Identity page{};
  page.magic = vnf::identity_magic;
  page.abi = vnf::vnf_abi_version;
  page.generation = 1;
  page.port_count = 1;
  page.config_bytes = sizeof config;
  vnf::AbiPort& port = page.ports[0];
  port.mtu = 1500;
  std::ranges::copy(parse_mac(mac)->bytes, port.mac);
  port.address_count = 1;
  port.addresses[0].family = 4;
  port.addresses[0].prefix_length = 24;
  const IpAddress address = *parse_ip(guest);
  std::ranges::copy(address.bytes, port.addresses[0].bytes);
  return std::string(reinterpret_cast<const char*>(&page), sizeof page) +
         std::string(reinterpret_cast<const char*>(&config), sizeof config);
}

class QemuProbe final : public Probe {
 public:
  explicit QemuProbe(PeerOptions options) : options_(std::move(options)) {
    auto text = run_script(fmt::format("{} --version", unikernel::microvm_program));
    if (!text) return;
    const size_t at = text->find("version ") + 8;
    version_ = " " + text->substr(at, text->find_first_of(" \n", at) - at);
  }

  std::vector<Row> rows() const override {
    std::vector<Row> rows = peer_start_rows("QEMU microvm (TCG)" + version_);
    for (Row& row : rows) row.accelerator = "tcg";
    return rows;
  }

  Result<void> prepare() override {
    if (!find_program("", unikernel::microvm_program))
      return Error{Errc::not_found, "QEMU is not there; apt install qemu-system-x86"};
    folder_ = options_.work_folder + "/qemu";
    TRY(make_directories(folder_));
    TRY(replace_file(folder_ + "/identity", identity()));
    TRY(
        run_script(fmt::format("ip tuntap add qemu0 mode tap vnet_hdr;"
                               "ip addr add {}/24 dev qemu0; ip link set qemu0 up",
                               host)));
    prober_ = TRY(
        SynProber::open({"qemu0", *parse_ip(host), *parse_ip(guest), *parse_mac(mac), listening}));
    return {};
  }

  Result<Sample> measure() override {
    Sample sample;
    prober_->reset();
    Rollback quiet([this] { prober_->pause(); });
    const std::string log = folder_ + "/log";
    Fd errors = TRY(open_path(log, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    auto started = std::chrono::steady_clock::now();
    ChildProcess machine = TRY(ChildProcess::start(command(errors)));
    auto answered = take_answers(*prober_, started, sample.values);
    if (answered) return sample;
    return Error{Errc::unavailable,
                 fmt::format("{}: {}", answered.error().message, read_file(log).value_or(""))};
  }

  void clean_up() noexcept override {
    prober_.reset();
    if (!folder_.empty()) (void)run_script("ip link del qemu0").has_value();
  }

 private:
  ChildCommand command(const Fd& log) const {
    ChildCommand command;
    command.program = unikernel::microvm_program;
    command.arguments =
        unikernel::microvm_words(options_.functions + "/responder.elf", folder_ + "/identity", 16);
    for (const char* word : {"-netdev", "tap,id=n,ifname=qemu0,script=no,downscript=no", "-device",
                             "virtio-net-device,netdev=n"})
      command.arguments.emplace_back(word);
    command.output = command.error = log.get();
    command.new_session = true;
    return command;
  }

  PeerOptions options_;
  std::string folder_, version_;
  std::unique_ptr<SynProber> prober_;
};

}  // namespace

std::unique_ptr<Probe> make_qemu_start_probe(const PeerOptions& options) {
  return std::make_unique<QemuProbe>(options);
}

}  // namespace vireo::bench
