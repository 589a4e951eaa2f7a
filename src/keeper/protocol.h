// SPDX-License-Identifier: Apache-2.0
// What goes over RUNTIME_DIR/keeper, and keeper-1, keeper-2 ... of further ones (SOCK_SEQPACKET):
// one message, one request or answer. Numbers are little endian as the machine has them, texts
// carry their length in front, descriptors ride along.
//
//   connection: hello(version, role) -> error, version. Another version is answered, then closed.
//   a request:  op, sequence, body. spawn, fork, take and list are answered: sequence, error, step,
//               body. hold, signal, drop and retire are not; requests of a connection take effect
//               in their order.
//   role events: the keeper sends event messages (name, wait status, time) to every such
//   connection.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace vireo::keeper {

constexpr uint32_t protocol_version = 2;
constexpr size_t max_message = 64 * 1024;
constexpr size_t max_name = 255;
constexpr size_t max_text = 4096;

enum class Role : uint8_t { requests = 1, events = 2 };
enum class Op : uint8_t { hello = 1, spawn, hold, take, signal, drop, list, event, retire, fork };

// Where a spawn failed; its words are in keeper_client.cc.
enum class Step : uint8_t {
  none,
  request,
  log_file,
  join_namespace,
  clone,
  control_group,
  capabilities,
  descriptors,
  session,
  execute,
  full,  // so many descriptors that the next keeper is to take it
  fork,
  last = fork,
};

class Writer {
 public:
  template <class Number>
  Writer& number(Number value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& text(std::string_view value) {
    number(static_cast<uint32_t>(value.size()));
    bytes_.append(value);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Reads what Writer wrote. Past the end everything is zero and ok() false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  template <class Number>
  Number number() {
    Number value{};
    if (left_.size() < sizeof value) return left_ = {}, ok_ = false, value;
    std::memcpy(&value, left_.data(), sizeof value);
    left_.remove_prefix(sizeof value);
    return value;
  }
  std::string text() {
    const auto size = number<uint32_t>();
    if (left_.size() < size) return left_ = {}, ok_ = false, std::string();
    std::string value(left_.substr(0, size));
    left_.remove_prefix(size);
    return value;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return left_.empty(); }
  std::string_view rest() const { return left_; }

 private:
  std::string_view left_;
  bool ok_ = true;
};

}  // namespace vireo::keeper
