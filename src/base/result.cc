// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace vireo {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::not_found:
      return "not found";
    case Errc::conflict:
      return "conflict";
    case Errc::denied:
      return "denied";
    case Errc::unsupported:
      return "unsupported";
    case Errc::exhausted:
      return "exhausted";
    case Errc::timed_out:
      return "timed out";
    case Errc::unavailable:
      return "unavailable";
    case Errc::corrupt:
      return "corrupt";
    case Errc::internal:
      return "internal";
  }
  return "internal";
}

Error Error::within(std::string_view task) && {
  const std::string head = fmt::format("{}: ", task);
  if (!message.starts_with(head)) message.insert(0, head);
  return std::move(*this);
}

static Errc code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ESRCH:
    case ENODEV:
    case ENXIO:
      return Errc::not_found;
    case EEXIST:
    case EBUSY:
    case ENOTEMPTY:
      return Errc::conflict;
    case EPERM:
    case EACCES:
    case EROFS:
      return Errc::denied;
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
      return Errc::unsupported;
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case EDQUOT:
    case ENOBUFS:
      return Errc::exhausted;
    case ETIMEDOUT:
      return Errc::timed_out;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EAGAIN:
    case EINTR:
      return Errc::unavailable;
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ERANGE:
      return Errc::invalid;
    case EIO:
    case EBADMSG:
      return Errc::corrupt;
    default:
      return Errc::internal;
  }
}

Error system_error(std::string_view what, int error_number) {
  return {code_of(error_number), fmt::format("{}: {}", what, std::strerror(error_number))};
}

void check_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "vireo: defect: %s does not hold (%s:%d)\n", what, file, line);
  std::abort();
}

}  // namespace vireo
