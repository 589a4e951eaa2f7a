// SPDX-License-Identifier: Apache-2.0
// Standard output and what a terminal adds to it.
#pragma once
#include <termios.h>

#include <csignal>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/json.h"
#include "cli/arguments.h"

namespace vireo {

void print(std::string_view text);  // to standard output; a reader that has gone ends the program
// To standard error: as `vireo: MESSAGE`, or as it is when it ends with a line end.
void complain(const std::string& message);
// json or yaml: prints it and says true. table: false, the verb prints its own form.
bool printed_raw(const Arguments& arguments, const Json& json);

bool on_terminal();       // standard output
size_t terminal_width();  // 0 when standard output is no terminal: no limit
struct TerminalSize {
  unsigned rows = 24, columns = 80;
};
TerminalSize terminal_size();

// Standard input without line editing and signals, until destroyed.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios saved_{};
  bool active_ = false;
};

// One line that is written over while it waits. Nothing when standard output is no terminal.
class ProgressLine {
 public:
  ~ProgressLine() { clear(); }
  void show(const std::string& text);  // with a spinner in front
  void clear();

 private:
  unsigned turn_ = 0;
  bool shown_ = false;
};

// Signals as events instead of interruptions, until destroyed.
class SignalWatch {
 public:
  explicit SignalWatch(std::initializer_list<int> signals);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  int fd() const { return fd_.get(); }  // readable when one has come
  int take();                           // 0 when none is waiting

 private:
  sigset_t before_{};
  Fd fd_;
};

}  // namespace vireo
