// SPDX-License-Identifier: Apache-2.0
// vireo-unpack: the only program that reads the inside of foreign archives; it runs without rights.
//   vireo-unpack layer ENTRIES BYTES PATH   tar on 0, the directory on 3, the report on 4
//   vireo-unpack inflate                    compressed stream on 0, uncompressed on 1, report on 4
#include <clocale>
#include <csignal>

#include "base/text.h"
#include "host/files.h"
#include "image/sandbox.h"
#include "image/unpack.h"

namespace vireo {

static Result<UnpackReport> run(std::span<char*> arguments) {
  ::signal(SIGXFSZ, SIG_IGN);  // the write that is too large fails and can be named
  // Names in pax headers are UTF-8; the C locale would refuse them.
  std::setlocale(LC_CTYPE, "C.UTF-8");
  std::string_view verb = arguments.size() > 1 ? arguments[1] : "";
  if (verb == "layer" && arguments.size() == 5) {
    UnpackLimits limits;
    limits.entries = TRY(parse_number(arguments[2]));
    limits.bytes = TRY(parse_number(arguments[3]));
    limits.path = static_cast<uint32_t>(TRY(parse_number(arguments[4])));
    TRY_IN("sandbox", enter_sandbox(3, limits.bytes));
    return unpack(0, 3, limits);
  }
  if (verb == "inflate" && arguments.size() == 2) {
    TRY_IN("sandbox", enter_sandbox(-1, 0));
    TRY(inflate(0, 1));
    return UnpackReport{};
  }
  return Error{Errc::invalid, "usage: vireo-unpack layer ENTRIES BYTES PATH | inflate"};
}

}  // namespace vireo

int main(int count, char** arguments) {
  auto report = vireo::run(std::span(arguments, static_cast<size_t>(count)));
  std::string text = vireo::report_text(report);
  for (size_t at = 0; at < text.size();) {
    ssize_t n = ::write(4, text.data() + at, text.size() - at);
    if (n <= 0) ::_exit(2);
    at += static_cast<size_t>(n);
  }
  ::_exit(report ? 0 : 1);  // no exit handlers: the filter forbids what they may call
}
