// SPDX-License-Identifier: Apache-2.0
// exec: a command in an instance, joined to this terminal by the frames of docs/api.md.
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <optional>

#include "cli/terminal.h"
#include "cli/verbs.h"

namespace vireo {
namespace {

enum Kind : char { standard_in = 0, standard_out, standard_error, resize, exit_code, end_of_input };
constexpr size_t head_size = 5;
constexpr size_t largest_frame = 16u << 20;

class Session {
 public:
  Session(Fd connection, std::string received, bool interactive)
      : connection_(std::move(connection)), received_(std::move(received)) {
    input_ = interactive ? STDIN_FILENO : -1;
  }

  // Until the command has ended; its exit code.
  Result<int> run() {
    SignalWatch signals({SIGWINCH});
    TRY(take_frames());
    if (input_ < 0 && !code_) TRY(send(end_of_input, {}));
    while (!code_) {
      std::array<pollfd, 3> wait{
          {{connection_.get(), POLLIN, 0}, {input_, POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
      if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR)
        return system_error("cannot wait");
      if (wait[0].revents != 0) TRY(read_connection());
      if (wait[1].revents != 0 && !code_) TRY(read_input());
      if (wait[2].revents != 0 && signals.take() != 0 && !code_) TRY(send_size());
    }
    return *code_;
  }

 private:
  Result<void> send(Kind kind, std::string_view payload) {
    auto size = static_cast<uint32_t>(payload.size());
    std::string frame{static_cast<char>(kind)};
    for (int shift = 24; shift >= 0; shift -= 8)
      frame.push_back(static_cast<char>(size >> shift & 0xff));
    frame += payload;
    for (std::string_view rest = frame; !rest.empty();) {
      ssize_t n = ::send(connection_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error("cannot send to the daemon");
      rest.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }
  Result<void> send_size() {
    TerminalSize size = terminal_size();
    return send(resize, Json().set("rows", size.rows).set("columns", size.columns).dump());
  }
  Result<void> read_input() {
    std::array<char, 16384> buffer{};
    ssize_t n = ::read(input_, buffer.data(), buffer.size());
    if (n > 0) return send(standard_in, {buffer.data(), static_cast<size_t>(n)});
    input_ = -1;
    return send(end_of_input, {});
  }
  Result<void> read_connection() {
    std::array<char, 65536> buffer{};
    ssize_t n = ::recv(connection_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) return {};
    if (n <= 0) return Error{Errc::unavailable, "the daemon closed the connection"};
    received_.append(buffer.data(), static_cast<size_t>(n));
    return take_frames();
  }
  Result<void> take_frames() {
    while (received_.size() >= head_size) {
      size_t size = 0;
      for (size_t i = 1; i < head_size; i++)
        size = size << 8 | static_cast<unsigned char>(received_[i]);
      if (size > largest_frame) return Error{Errc::corrupt, "a frame of the daemon is too large"};
      if (received_.size() < head_size + size) break;
      TRY(take(received_[0], received_.substr(head_size, size)));
      received_.erase(0, head_size + size);
    }
    return {};
  }
  Result<void> take(char kind, const std::string& payload) {
    if (kind == exit_code) code_ = static_cast<int>(TRY(parse_json(payload))["code"].integer(1));
    if (kind == standard_out) print(payload);
    for (std::string_view rest = payload; kind == standard_error && !rest.empty();) {
      ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (n <= 0) break;
      rest.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }

  Fd connection_;
  int input_;
  std::string received_;
  std::optional<int> code_;
};

}  // namespace

Result<int> exec_verb(const Arguments& arguments, Daemon& daemon) {
  Target target = TRY(find_target(daemon, arguments.target));
  if (target.function.empty())
    return Error{Errc::invalid, "exec: name a function, as SERVICE/FUNCTION"};
  TerminalSize size = terminal_size();
  Json body;
  body.set("arguments", json_of(arguments.words)).set("terminal", arguments.terminal);
  body.set("rows", size.rows).set("columns", size.columns);
  std::string received;
  Fd connection = TRY(daemon.upgrade(target.path() + "/exec", "vireo-exec", body.dump(), received));
  Session session(std::move(connection), std::move(received),
                  arguments.interactive || arguments.terminal);
  std::optional<RawTerminal> raw;
  if (arguments.terminal) raw.emplace();
  return session.run();
}

}  // namespace vireo
