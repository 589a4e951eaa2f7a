// SPDX-License-Identifier: Apache-2.0
#include "api/exec_session.h"

#include <poll.h>
#include <sys/ioctl.h>

#include <array>

#include "base/json.h"

namespace vireo {
namespace {

constexpr size_t frame_header = 5;  // kind, length (big endian)
constexpr size_t largest_frame = 1u << 20;
enum Kind : char { from_stdin, to_stdout, to_stderr, resize, exit_code, end_of_stdin };

// Everything or an error; waits at most a second for a slow reader.
bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    pollfd wait{fd, POLLOUT, 0};
    if (n < 0 && errno != EAGAIN) return false;
    if (::poll(&wait, 1, 1000) <= 0) return false;
  }
  return true;
}

void make_non_blocking(const Fd& fd) {
  if (fd) ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

}  // namespace

ExecSession::ExecSession(Scheduler& scheduler, Executor& executor, Executor::Session session,
                         Fd client)
    : scheduler_(scheduler),
      executor_(executor),
      session_(std::move(session)),
      client_(std::move(client)) {}

void ExecSession::start() {
  for (const Fd* fd : {&client_, &session_.terminal, &session_.in, &session_.out, &session_.err})
    make_non_blocking(*fd);
  auto self = shared_from_this();
  scheduler_.on_readable(client_.get(), [self] { return self->read_client(); });
  scheduler_.on_readable(session_.exit.get(), [self] { return self->read_exit(); });
  if (session_.terminal)
    scheduler_.on_readable(session_.terminal.get(), [self] {
      return self->read_output(self->session_.terminal, to_stdout);
    });
  if (session_.out)
    scheduler_.on_readable(session_.out.get(),
                           [self] { return self->read_output(self->session_.out, to_stdout); });
  if (session_.err)
    scheduler_.on_readable(session_.err.get(),
                           [self] { return self->read_output(self->session_.err, to_stderr); });
}

bool ExecSession::read_client() {
  char buffer[16384];
  ssize_t n = client_ ? ::read(client_.get(), buffer, sizeof buffer) : 0;
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n <= 0) {  // gone: the input ends, a terminal hangs up
    session_.in = Fd();
    close_watched(session_.terminal);
    client_ = Fd();
    return false;
  }
  received_.append(buffer, static_cast<size_t>(n));
  while (received_.size() >= frame_header) {
    size_t length = 0;
    for (size_t i = 1; i < frame_header; i++)
      length = length << 8 | static_cast<unsigned char>(received_[i]);
    if (length > largest_frame) {
      client_ = Fd();
      return false;
    }
    if (received_.size() < frame_header + length) break;
    take_frame(received_[0], std::string_view(received_).substr(frame_header, length));
    received_.erase(0, frame_header + length);
  }
  return true;
}

void ExecSession::take_frame(char kind, std::string_view payload) {
  const Fd& input = session_.terminal ? session_.terminal : session_.in;
  if (kind == from_stdin && input && !write_all(input.get(), payload)) session_.in = Fd();
  if (kind == end_of_stdin) session_.in = Fd();
  if (kind == resize && session_.terminal) {
    Json size = parse_json(payload).value_or(Json());
    winsize window{};
    window.ws_row = static_cast<unsigned short>(size["rows"].integer(24));
    window.ws_col = static_cast<unsigned short>(size["columns"].integer(80));
    ::ioctl(session_.terminal.get(), TIOCSWINSZ, &window);
  }
}

bool ExecSession::read_output(Fd& from, char kind) {
  char buffer[16384];
  ssize_t n = ::read(from.get(), buffer, sizeof buffer);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n > 0) {
    send(kind, {buffer, static_cast<size_t>(n)});
    return true;
  }
  from = Fd();  // the end; a terminal says EIO
  finish_if_done();
  return false;
}

bool ExecSession::read_exit() {
  auto code = executor_.exit_code(session_.id);
  code_ = code ? *code : 255;
  exited_ = true;
  finish_if_done();
  return false;
}

void ExecSession::close_watched(Fd& fd) {
  if (fd) scheduler_.stop_watching(fd.get());
  fd = Fd();
}

void ExecSession::send(char kind, std::string_view payload) {
  if (!client_) return;
  std::string frame(1, kind);
  for (int shift = 24; shift >= 0; shift -= 8)
    frame += static_cast<char>(payload.size() >> shift & 0xff);
  frame += payload;
  if (!write_all(client_.get(), frame)) close_watched(client_);
}

// The exit code goes last: all output has been sent before it.
void ExecSession::finish_if_done() {
  bool drained = !session_.terminal && !session_.out && !session_.err;
  if (!exited_ || !drained) return;
  send(exit_code, Json().set("code", code_).dump());
  close_watched(client_);
}

}  // namespace vireo
