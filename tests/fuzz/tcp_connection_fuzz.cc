// SPDX-License-Identifier: Apache-2.0
// One end of a TCP connection, and the scoreboard below it, against a peer who says anything:
// segments near what is expected, time that passes, a stream that grows.
#include <memory>

#include "input.h"
#include "vnf/tcp/connection.h"

namespace vireo::fuzz {
namespace {

using vnf::Tcp;
using namespace vnf::tcp;

constexpr uint32_t ours = 0xffffff00, theirs = 0x7fffff00;  // both wrap soon
constexpr uint32_t ring_bytes = 1 << 14, most_bytes = 8 * 1000;
constexpr uint16_t mss = 1000;

class Scene {
 public:
  explicit Scene(Input& input) : input_(input) {
    const auto flags = input.take<uint8_t>();
    const Connection::Setup setup{ours, mss, most_bytes, ring_, ring_bytes};
    if ((flags & 1) != 0) {
      connection_->connect(setup);
      return;
    }
    Segment syn{.sequence = theirs - 1, .window = 60000, .flags = Tcp::syn};
    if ((flags & 2) != 0) syn.mss = 536;
    if ((flags & 4) != 0) syn.scale = flags >> 4;
    syn.selective = (flags & 8) != 0;
    connection_->accept(setup, syn);
  }

  void run() {
    while (!input_.empty()) {
      const auto choice = input_.take<uint8_t>();
      switch (choice % 8) {
        case 0:
          now_ns_ += uint64_t{input_.take<uint16_t>()} << choice % 24;
          break;
        case 1:
          offered_ += input_.take<uint16_t>();
          if (!finished_) connection_->offer(offered_);
          break;
        case 2:
          if (choice > 200) finish();
          break;
        case 3:
          if (choice > 240)
            connection_->too_big(ours + input_.take<uint16_t>(), input_.take<uint16_t>());
          break;
        default:
          arrive(choice);
          break;
      }
      drain();
    }
  }

 private:
  void finish() {
    if (finished_) return;
    finished_ = true;
    end_ = offered_;
    connection_->finish();
  }

  void arrive(uint8_t choice) {
    static constexpr uint8_t usual[] = {Tcp::ack, Tcp::ack | Tcp::psh, Tcp::ack | Tcp::fin,
                                        Tcp::syn | Tcp::ack};
    const auto bytes = input_.take_bytes(choice % 5 == 4 ? input_.take<uint8_t>() : 0);
    const auto kind = input_.take<uint8_t>();
    Segment segment;
    segment.flags = kind < 240 ? usual[kind < 200 ? kind % 2 : kind % 4] : input_.take<uint8_t>();
    segment.sequence = theirs + received_ + static_cast<uint32_t>(input_.take<int16_t>());
    segment.acknowledged = ours + input_.take<uint16_t>();
    if (choice % 3 == 0) segment.sequence = theirs + received_;
    segment.window = input_.take<uint16_t>();
    segment.block_count = static_cast<uint8_t>(choice / 8 % (most_blocks + 1));
    for (uint32_t i = 0; i < segment.block_count; i++) {
      const auto from = input_.take<uint16_t>();
      segment.blocks[i] = {ours + from, ours + from + input_.take<uint8_t>() * 40u};
    }
    segment.mss = 1460;
    segment.length = static_cast<uint32_t>(bytes.size());
    segment.payload = bytes.data();
    connection_->receive(segment, now_ns_, {this, take});
  }

  static void take(void* context, const uint8_t* bytes, uint32_t count) {
    auto& scene = *static_cast<Scene*>(context);
    require(count > 0 && count <= ring_bytes, "a delivery that is empty or larger than the window");
    for (uint32_t i = 0; i < count; i++) scene.sum_ += bytes[i];  // the sanitizer reads along
    scene.received_ += count;
  }

  void drain() {
    Segment out;
    uint32_t count = 0;
    while (connection_->next(now_ns_, out)) {
      require(++count < 4096, "it sends without end at one time");
      require(out.length <= most_bytes, "a segment that is too large");
      require(out.length == 0 || out.offset + out.length <= offered_, "bytes that nobody offered");
      require(!finished_ || out.length == 0 || out.offset + out.length <= end_ || end_ < offered_,
              "bytes behind the end");
      require(out.block_count <= most_blocks, "too many blocks");
      require(out.block_count == 0 || out.length == 0, "blocks take the room of data");
      for (uint32_t i = 0; i < out.block_count; i++)
        require(static_cast<int32_t>(out.blocks[i].to - out.blocks[i].from) > 0, "an empty block");
    }
    require(connection_->due() > now_ns_, "it is due, but does nothing");
    require(connection_->acknowledged_bytes() <= offered_, "more acknowledged than offered");
  }

  Input& input_;
  std::unique_ptr<Connection> connection_ = std::make_unique<Connection>();
  uint8_t ring_[ring_bytes] = {};
  uint64_t now_ns_ = 1, offered_ = 0, end_ = 0;
  uint32_t received_ = 0, sum_ = 0;
  bool finished_ = false;
};

}  // namespace
}  // namespace vireo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vireo::fuzz::Input input(data, size);
  vireo::fuzz::Scene(input).run();
  return 0;
}
