// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error. The whole project reports failure this way; nothing throws.
#pragma once
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace vireo {

// What kind of failure it is. Maps once to an HTTP status (api) and once to an exit code (cli).
enum class Errc {
  invalid,      // the request is wrong; repeating it cannot help
  not_found,    // what it names does not exist
  conflict,     // it exists already, or another change came first
  denied,       // the caller, or this process, lacks a right
  unsupported,  // this host or this build cannot do it
  exhausted,    // a limit, a quota or memory is used up
  timed_out,    // no answer within the deadline
  unavailable,  // a peer is gone or busy; trying again may help
  corrupt,      // stored or received bytes contradict their own checks
  internal,     // a defect of ours
};

std::string_view to_string(Errc code);

struct Error {
  Errc code = Errc::internal;
  std::string message;  // a sentence without a full stop: "cannot create cgroup web-1: No such ..."

  // Puts what was being attempted in front, once: "start web-1: cannot create ...".
  Error within(std::string_view task) &&;
};

// `what` says the attempt ("cannot open /dev/net/tun"); the text of `error_number` is appended.
Error system_error(std::string_view what, int error_number = errno);

template <class T>
class [[nodiscard]] Result {
 public:
  using Value = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT
  explicit operator bool() const { return state_.index() == 0; }
  bool has_value() const { return state_.index() == 0; }
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  Error& error() & { return *std::get_if<1>(&state_); }
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }
  T value_or(T fallback) && { return has_value() ? std::move(**this) : std::move(fallback); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using Value = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}  // NOLINT
  explicit operator bool() const { return !failed_; }
  bool has_value() const { return !failed_; }
  void operator*() const {}
  Error& error() & { return error_; }
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  Error error_;
  bool failed_ = false;
};

// Ends the process with file, line and `what`: for defects, never for bad input.
[[noreturn]] void check_failed(const char* what, const char* file, int line);

}  // namespace vireo

// The value of a Result, or return its Error from the enclosing function. Never nested.
#define TRY(expression)                                                      \
  (__extension__({                                                           \
    auto try_result_ = (expression);                                         \
    if (!try_result_) return ::vireo::Error(std::move(try_result_).error()); \
    *std::move(try_result_);                                                 \
  }))

// As TRY, and says what was being attempted.
#define TRY_IN(task, expression)                                          \
  (__extension__({                                                        \
    auto try_result_ = (expression);                                      \
    if (!try_result_) return std::move(try_result_).error().within(task); \
    *std::move(try_result_);                                              \
  }))

#define CHECK(condition) \
  ((condition) ? void() : ::vireo::check_failed(#condition, __FILE__, __LINE__))
