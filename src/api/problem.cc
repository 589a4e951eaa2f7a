// SPDX-License-Identifier: Apache-2.0
#include "api/exchange.h"

namespace vireo {

unsigned status_of(Errc code) {
  switch (code) {
    case Errc::invalid:
      return 400;
    case Errc::not_found:
      return 404;
    case Errc::conflict:
      return 409;
    case Errc::denied:
      return 403;
    case Errc::unsupported:
      return 422;
    case Errc::exhausted:
      return 507;
    case Errc::timed_out:
      return 504;
    case Errc::unavailable:
      return 503;
    case Errc::corrupt:
      return 500;
    case Errc::internal:
      return 500;
  }
  return 500;
}

Response json_response(const Json& body, unsigned status) {
  return {status, "application/json", body.dump() + "\n", {}};
}

Response problem_response(const Error& error) {
  Json problem;
  problem.set("type", "about:blank")
      .set("title", to_string(error.code))
      .set("status", status_of(error.code))
      .set("detail", error.message);
  return {status_of(error.code), "application/problem+json", problem.dump() + "\n", {}};
}

}  // namespace vireo
