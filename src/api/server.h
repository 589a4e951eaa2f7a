// SPDX-License-Identifier: Apache-2.0
// Serves HTTP/1.1 on a unix socket, on the control thread's event loop.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "api/exchange.h"

namespace boost::asio {
class io_context;
}

namespace vireo {

struct ServerOptions {
  std::string socket;  // path; an old socket file there is replaced
  unsigned mode = 0660;
  std::string group;            // given the socket when it exists on this host
  std::string spool_directory;  // for archives
  uint64_t largest_body = 4u << 20;
};

class Server {
 public:
  using Handler = std::function<void(const ExchangePtr&)>;
  // Listening when it returns. `spooled` says whether a body goes to a file.
  static Result<std::unique_ptr<Server>> listen(
      boost::asio::io_context& context, ServerOptions options, Handler handler,
      std::function<bool(std::string_view method, std::string_view path)> spooled);
  ~Server();  // stops listening and removes the socket file

  struct State;

 private:
  explicit Server(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace vireo
