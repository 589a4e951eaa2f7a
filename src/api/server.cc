// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/asio.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <deque>
#include <limits>

#include "api/routes.h"
#include "base/log.h"
#include "host/files.h"

namespace vireo {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Protocol = asio::local::stream_protocol;
using ErrorCode = boost::system::error_code;

constexpr size_t chunk_bytes = 65536;
constexpr size_t longest_backlog = 4u << 20;

}  // namespace

struct Server::State {
  State(asio::io_context& io_context, ServerOptions server_options)
      : context(io_context), options(std::move(server_options)), acceptor(io_context) {}
  asio::io_context& context;
  ServerOptions options;
  Handler handler;
  std::function<bool(std::string_view, std::string_view)> spooled;
  Protocol::acceptor acceptor;
};

namespace {

// One connection: reads a request, waits for its answer, and again. The session is the exchange of
// the request at hand.
class Session : public Exchange, public std::enable_shared_from_this<Session> {
 public:
  Session(Server::Handler handler, std::function<bool(std::string_view, std::string_view)> spooled,
          const ServerOptions& options, Protocol::socket socket)
      : handler_(std::move(handler)),
        spooled_(std::move(spooled)),
        options_(options),
        socket_(std::move(socket)) {}

  void read_request();

  const Request& request() const override { return request_; }
  void reply(Response response) override;
  void begin(const std::string& content_type) override;
  void write(std::string bytes) override;
  void end() override;
  bool wanted() const override { return !gone_ && backlog_ < longest_backlog; }
  void on_gone(std::function<void()> callback) override { on_gone_ = std::move(callback); }
  Result<Fd> upgrade(const std::string& protocol) override;

 private:
  using Parser = http::request_parser<http::buffer_body>;
  void take_header();
  void read_body();
  void take_body(size_t bytes);
  void dispatch();
  void refuse(unsigned status, const std::string& detail);
  void watch_for_end();
  void send_next();
  void close();
  uint32_t peer_uid();

  Server::Handler handler_;
  std::function<bool(std::string_view, std::string_view)> spooled_;
  ServerOptions options_;
  Protocol::socket socket_;
  beast::flat_buffer buffer_;
  std::unique_ptr<Parser> parser_;
  std::array<char, chunk_bytes> chunk_{};
  Request request_;
  bool keep_alive_ = false, gone_ = false, streaming_ = false, ended_ = false, sending_ = false;
  std::deque<std::string> queue_;
  size_t backlog_ = 0;
  char watched_ = 0;
  std::function<void()> on_gone_;
};

uint32_t Session::peer_uid() {
  ucred peer{};
  socklen_t size = sizeof peer;
  bool known = ::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  return known ? peer.uid : UINT32_MAX;
}

void Session::read_request() {
  parser_ = std::make_unique<Parser>();
  // Counted in take_body(). "No limit" as boost::none is taken for a limit of nothing (Boost 1.74).
  parser_->body_limit(std::numeric_limits<uint64_t>::max());
  request_ = Request{};
  request_.uid = peer_uid();
  http::async_read_header(socket_, buffer_, *parser_,
                          [self = shared_from_this()](ErrorCode error, size_t) {
                            if (error) return self->close();
                            self->take_header();
                          });
}

void Session::take_header() {
  const auto& message = parser_->get();
  std::string_view target(message.target().data(), message.target().size());
  size_t question = std::min(target.find('?'), target.size());
  request_.method = std::string(message.method_string());
  request_.path = std::string(target.substr(0, question));
  request_.query = parse_query(target.substr(std::min(question + 1, target.size())));
  request_.params = find_route(request_.method, request_.path).params;
  keep_alive_ = message.keep_alive();
  if (spooled_(request_.method, request_.path)) {
    auto file = open_path(options_.spool_directory, O_TMPFILE | O_RDWR, 0600);
    if (!file) return refuse(507, file.error().message);
    request_.body_file = std::move(*file);
  }
  if (beast::iequals(message[http::field::expect], "100-continue")) {
    static const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    ErrorCode ignored;  // a client that has gone is noticed by the read below
    asio::write(socket_, asio::buffer(go_on), ignored);
  }
  read_body();
}

void Session::read_body() {
  if (parser_->is_done()) return dispatch();
  auto& body = parser_->get().body();
  body.data = chunk_.data();
  body.size = chunk_.size();
  http::async_read_some(socket_, buffer_, *parser_,
                        [self = shared_from_this()](ErrorCode error, size_t) {
                          if (error && error != http::error::need_buffer) return self->close();
                          self->take_body(chunk_bytes - self->parser_->get().body().size);
                        });
}

void Session::take_body(size_t bytes) {
  if (request_.body_file) {
    if (::write(request_.body_file.get(), chunk_.data(), bytes) != static_cast<ssize_t>(bytes))
      return refuse(507, system_error("cannot spool the request's body").message);
  } else {
    request_.body.append(chunk_.data(), bytes);
    if (request_.body.size() > options_.largest_body)
      return refuse(413, fmt::format("the body is larger than {} bytes", options_.largest_body));
  }
  read_body();
}

void Session::dispatch() {
  if (request_.body_file) ::lseek(request_.body_file.get(), 0, SEEK_SET);
  streaming_ = ended_ = false;
  handler_(shared_from_this());
}

void Session::refuse(unsigned status, const std::string& detail) {
  keep_alive_ = false;
  Response response = problem_response({Errc::invalid, detail});
  response.status = status;
  reply(std::move(response));
}

void Session::reply(Response response) {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n", response.status,
                  std::string(http::obsolete_reason(http::int_to_status(response.status))),
                  response.content_type, response.body.size());
  for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
  if (!keep_alive_) head += "Connection: close\r\n";
  ended_ = true;
  queue_.push_back(head + "\r\n" + response.body);
  backlog_ += queue_.back().size();
  send_next();
}

void Session::begin(const std::string& content_type) {
  streaming_ = true;
  keep_alive_ = false;
  watch_for_end();
  queue_.push_back(
      fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nCache-Control: no-store\r\n"
                  "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
                  content_type));
  backlog_ += queue_.back().size();
  send_next();
}

void Session::write(std::string bytes) {
  if (!wanted() || bytes.empty()) return;
  queue_.push_back(fmt::format("{:x}\r\n", bytes.size()) + std::move(bytes) + "\r\n");
  backlog_ += queue_.back().size();
  send_next();
}

void Session::end() {
  ended_ = true;
  queue_.emplace_back("0\r\n\r\n");
  send_next();
}

void Session::send_next() {
  if (sending_) return;
  if (queue_.empty()) {
    if (!ended_) return;
    if (!keep_alive_) return close();
    return read_request();
  }
  sending_ = true;
  asio::async_write(socket_, asio::buffer(queue_.front()),
                    [self = shared_from_this()](ErrorCode error, size_t) {
                      self->sending_ = false;
                      if (self->queue_.empty()) return;
                      self->backlog_ -= std::min(self->backlog_, self->queue_.front().size());
                      self->queue_.pop_front();
                      if (error) return self->close();
                      self->send_next();
                    });
}

// A streaming client sends nothing more: anything readable is its end.
void Session::watch_for_end() {
  asio::async_read(socket_, asio::buffer(&watched_, 1),
                   [self = shared_from_this()](ErrorCode, size_t) { self->close(); });
}

void Session::close() {
  if (gone_) return;
  gone_ = true;
  ErrorCode ignored;  // closing is all that is wanted
  socket_.close(ignored);
  if (auto callback = std::exchange(on_gone_, nullptr)) callback();
}

Result<Fd> Session::upgrade(const std::string& protocol) {
  std::string answer = fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: {}\r\nConnection: Upgrade\r\n\r\n", protocol);
  ErrorCode error;
  asio::write(socket_, asio::buffer(answer), error);
  if (error) return Error{Errc::unavailable, "the client has gone"};
  int raw = socket_.release(error);
  gone_ = true;
  if (error) return Error{Errc::internal, "cannot hand over the connection"};
  return Fd(raw);
}

void accept_next(const std::shared_ptr<Server::State>& state) {
  state->acceptor.async_accept([state](ErrorCode error, Protocol::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error)
      spdlog::warn("cannot accept a connection reason=\"{}\"", error.message());
    else
      std::make_shared<Session>(state->handler, state->spooled, state->options, std::move(socket))
          ->read_request();
    accept_next(state);
  });
}

// The group may be absent on this host: then root alone can call.
Result<void> give_to_group(const ServerOptions& options) {
  if (const group* found = options.group.empty() ? nullptr : ::getgrnam(options.group.c_str()))
    if (::chown(options.socket.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0)
      return system_error(fmt::format("cannot give {} to group {}", options.socket, options.group));
  if (::chmod(options.socket.c_str(), options.mode) != 0)
    return system_error(fmt::format("cannot set the mode of {}", options.socket));
  return {};
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(
    asio::io_context& context, ServerOptions options, Handler handler,
    std::function<bool(std::string_view, std::string_view)> spooled) {
  auto state = std::make_shared<State>(context, std::move(options));
  state->handler = std::move(handler);
  state->spooled = std::move(spooled);
  ::unlink(state->options.socket.c_str());
  ErrorCode error;
  Protocol::endpoint endpoint(state->options.socket);
  state->acceptor.open(endpoint.protocol(), error);
  // Nobody may connect before the mode is right.
  mode_t before = ::umask(0177);
  if (!error) state->acceptor.bind(endpoint, error);
  ::umask(before);
  if (!error) state->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    return Error{Errc::unavailable,
                 fmt::format("cannot listen on {}: {}", state->options.socket, error.message())};
  TRY(give_to_group(state->options));
  accept_next(state);
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::Server(std::shared_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() {
  ErrorCode ignored;  // the process is ending
  state_->acceptor.close(ignored);
  ::unlink(state_->options.socket.c_str());
}

}  // namespace vireo
