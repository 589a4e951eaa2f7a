// SPDX-License-Identifier: Apache-2.0
// Whether each of many functions that are said to run answers: a ping for each, over its own link.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/net_address.h"
#include "base/result.h"

namespace vireo::bench {

// Who answered of those with the numbers 1 to `count`. Any thread may note.
class Tally {
 public:
  explicit Tally(unsigned count) : count_(count) {}
  void note(unsigned number, Result<void> answer);
  // `count`, or "7 of 8 answered; the first that did not is 3: why". One that was never noted did
  // not answer.
  Result<unsigned> all() const;

 private:
  unsigned count_;
  mutable std::mutex mutex_;
  unsigned answered_ = 0;
  std::map<unsigned, std::string> missing_;
};

// A service with one function. With `joined` the host has an end on the function's link.
struct CalledService {
  std::string name, descriptor, joined;
  IpAddress address;  // of the function, IPv4
};

// The host joins the link of each, pings its function (three times at most, until it answers) and
// leaves the link: some of them at a time, so that there are never many requests on the way. Of
// `interrupted` the rest is not asked, and so missing.
Result<unsigned> roll_call(const std::string& socket, unsigned count,
                           const std::function<CalledService(unsigned)>& service,
                           const std::function<bool()>& interrupted);

}  // namespace vireo::bench
