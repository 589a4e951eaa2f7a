// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/yaml_text.h"
#include "cli/table.h"

namespace vireo {

void print(std::string_view text) {
  while (!text.empty()) {
    ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) std::exit(1);
    text.remove_prefix(static_cast<size_t>(n));
  }
}

void complain(const std::string& message) {
  std::string text = message.ends_with("\n") ? message : fmt::format("vireo: {}\n", message);
  [[maybe_unused]] ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
}

bool printed_raw(const Arguments& arguments, const Json& json) {
  if (arguments.output == Output::json) print(json.dump(2) + "\n");
  if (arguments.output == Output::yaml) print(yaml_text(json));
  return arguments.output != Output::table;
}

bool on_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

TerminalSize terminal_size() {
  winsize size{};
  for (int fd : {STDOUT_FILENO, STDIN_FILENO})
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return {size.ws_row, size.ws_col};
  return {};
}

size_t terminal_width() { return on_terminal() ? terminal_size().columns : 0; }

RawTerminal::RawTerminal() {
  if (::tcgetattr(STDIN_FILENO, &saved_) != 0) return;
  termios raw = saved_;
  ::cfmakeraw(&raw);
  active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (active_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_);
}

void ProgressLine::show(const std::string& text) {
  static constexpr std::string_view spinner = "|/-\\";
  if (!on_terminal()) return;
  std::string line = fmt::format("  {} {}", spinner[turn_++ % spinner.size()], text);
  print("\r" + line.substr(0, terminal_width() - 1) + "\x1b[K");
  shown_ = true;
}

void ProgressLine::clear() {
  if (std::exchange(shown_, false)) print("\r\x1b[K");
}

SignalWatch::SignalWatch(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int one : signals) sigaddset(&set, one);
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
  fd_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

SignalWatch::~SignalWatch() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int SignalWatch::take() {
  signalfd_siginfo news{};
  if (::read(fd_.get(), &news, sizeof news) != sizeof news) return 0;
  return static_cast<int>(news.ssi_signo);
}

}  // namespace vireo
