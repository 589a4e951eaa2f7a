// SPDX-License-Identifier: Apache-2.0
#include "host/http_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"

namespace vireo {

// Whether the server ended the kept connection meanwhile. Asked before a request is sent, because
// a POST cannot be repeated afterwards.
static bool was_closed(const Fd& socket) {
  char byte;
  ssize_t n = ::recv(socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN);
}

Result<void> HttpClient::connect() {
  if (socket_ && was_closed(socket_)) socket_ = Fd();
  if (socket_) return {};
  received_.clear();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path)
    return Error{Errc::invalid, fmt::format("{} is too long for a socket's path", path_)};
  path_.copy(address.sun_path, path_.size());
  socket_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
    return {};
  Error error = system_error(fmt::format("cannot connect to {}", path_));
  socket_ = Fd();
  return error;
}

Result<void> HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot send to the daemon");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<bool> HttpClient::more() {
  char buffer[65536];
  for (;;) {
    ssize_t n = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot receive from the daemon");
    received_.append(buffer, static_cast<size_t>(n));
    return n > 0;
  }
}

Result<std::string> HttpClient::line() {
  size_t end;
  while ((end = received_.find("\r\n")) == std::string::npos)
    if (!TRY(more())) return Error{Errc::unavailable, "the daemon closed the connection"};
  std::string text = received_.substr(0, end);
  received_.erase(0, end + 2);
  return text;
}

Result<HttpAnswer> HttpClient::read_head() {
  HttpAnswer answer;
  std::string status = TRY(line());
  if (!status.starts_with("HTTP/1.") || status.size() < 12)
    return Error{Errc::corrupt, "the daemon's answer is not HTTP"};
  answer.status = static_cast<unsigned>(TRY(parse_number(status.substr(9, 3))));
  for (std::string text = TRY(line()); !text.empty(); text = TRY(line())) {
    size_t colon = std::min(text.find(':'), text.size());
    std::string name = text.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), ::tolower);
    size_t from = std::min(text.find_first_not_of(' ', colon + 1), text.size());
    answer.headers[name] = text.substr(from);
  }
  return answer.status == 100 ? TRY(read_head()) : answer;
}

Result<void> HttpClient::read_body(HttpAnswer& answer,
                                   const std::function<bool(std::string_view)>& piece) {
  auto length = answer.headers.find("content-length");
  bool wanted = true;
  // Takes `left` bytes from what is received.
  auto take = [&](uint64_t left) -> Result<void> {
    while (left > 0 && wanted) {
      if (received_.empty() && !TRY(more()))
        return Error{Errc::unavailable, "the daemon closed the connection"};
      auto n = static_cast<size_t>(std::min<uint64_t>(left, received_.size()));
      wanted = piece(std::string_view(received_).substr(0, n));
      received_.erase(0, n);
      left -= n;
    }
    return {};
  };
  if (length != answer.headers.end()) return take(TRY(parse_number(length->second)));
  if (!answer.headers.contains("transfer-encoding")) return {};
  while (wanted) {
    std::string digits = TRY(line());
    uint64_t size = std::strtoull(digits.c_str(), nullptr, 16);
    TRY(take(size));
    if (wanted) TRY(line());
    if (size == 0) break;
  }
  return {};
}

Result<HttpAnswer> HttpClient::request(std::string_view method, std::string_view target,
                                       std::string_view body) {
  bool kept = socket_.get() >= 0;
  TRY(connect());
  auto sent =
      send(fmt::format("{} {} HTTP/1.1\r\nHost: vireo\r\nContent-Type: application/json\r\n"
                       "Content-Length: {}\r\n\r\n{}",
                       method, target, body.size(), body));
  Result<HttpAnswer> answer = sent ? read_head() : Result<HttpAnswer>(sent.error());
  if (!answer) {
    socket_ = Fd();
    // The server may have closed the kept connection in between. What was not sent, and a GET, may
    // be repeated.
    if (kept && (!sent || method == "GET")) return request(method, target, body);
    return answer;
  }
  TRY(read_body(*answer, [&](std::string_view part) {
    answer->body += part;
    return true;
  }));
  if (answer->headers["connection"] == "close") socket_ = Fd();
  return answer;
}

Result<HttpAnswer> HttpClient::upload(std::string_view target, const Fd& body, uint64_t size,
                                      const std::function<bool(uint64_t)>& progress) {
  constexpr uint64_t piece = 256 * 1024;
  socket_ = Fd();
  TRY(connect());
  TRY(
      send(fmt::format("POST {} HTTP/1.1\r\nHost: vireo\r\nContent-Type: application/octet-stream"
                       "\r\nContent-Length: {}\r\n\r\n",
                       target, size)));
  for (uint64_t sent = 0; sent < size;) {
    if (progress && !progress(sent)) {
      socket_ = Fd();
      return Error{Errc::invalid, "interrupted"};
    }
    pollfd room{socket_.get(), POLLOUT, 0};
    if (::poll(&room, 1, 100) <= 0) continue;
    ssize_t n = ::sendfile(socket_.get(), body.get(), nullptr, std::min(size - sent, piece));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;  // the daemon refused: its answer says why
    sent += static_cast<uint64_t>(n);
  }
  HttpAnswer answer = TRY(read_head());
  TRY(read_body(answer, [&](std::string_view part) {
    answer.body += part;
    return true;
  }));
  return answer;
}

Result<HttpAnswer> HttpClient::stream(std::string_view target,
                                      const std::function<bool(std::string_view)>& piece) {
  socket_ = Fd();
  TRY(connect());
  TRY(send(fmt::format("GET {} HTTP/1.1\r\nHost: vireo\r\n\r\n", target)));
  HttpAnswer answer = TRY(read_head());
  bool good = answer.status == 200;
  TRY(read_body(answer, [&](std::string_view part) {
    if (good) return piece(part);
    answer.body += part;
    return true;
  }));
  socket_ = Fd();
  return answer;
}

Result<Fd> HttpClient::upgrade(std::string_view target, std::string_view protocol,
                               std::string_view body, std::string& received) {
  socket_ = Fd();
  TRY(connect());
  TRY(
      send(fmt::format("POST {} HTTP/1.1\r\nHost: vireo\r\nConnection: Upgrade\r\nUpgrade: {}\r\n"
                       "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                       target, protocol, body.size(), body)));
  HttpAnswer answer = TRY(read_head());
  if (answer.status == 101) {
    received = std::exchange(received_, {});
    return std::move(socket_);
  }
  TRY(read_body(answer, [&](std::string_view part) {
    answer.body += part;
    return true;
  }));
  return Error{answer.status == 404 ? Errc::not_found : Errc::invalid, answer.body};
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace vireo
