// SPDX-License-Identifier: Apache-2.0
// The routes' actions: translate between HTTP and control, decide nothing. Control thread only.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/exchange.h"
#include "api/image_jobs.h"
#include "control/control.h"
#include "host/profile.h"
#include "image/image_store.h"

namespace vireo {

class Api {
 public:
  struct Parts {
    Control& control;
    ImageStore& images;
    Scheduler& scheduler;
    std::vector<Driver*> drivers;
    Fabric& fabric;
    std::string function_directory;  // programs and types of our own functions
  };
  explicit Api(Parts parts);

  // Answers the exchange, now or later. `route` unknown: 404 or 405.
  void handle(const ExchangePtr& exchange);

  // Handlers, one for each row of routes().
  void health(const ExchangePtr&);
  void metrics(const ExchangePtr&);
  void version(const ExchangePtr&);
  void openapi(const ExchangePtr&);
  void schema(const ExchangePtr&);
  void host(const ExchangePtr&);
  void plan(const ExchangePtr&);
  void run_service(const ExchangePtr&);
  void list_services(const ExchangePtr&);
  void get_service(const ExchangePtr&);
  void remove_service(const ExchangePtr&);
  void list_functions(const ExchangePtr&);
  void get_function(const ExchangePtr&);
  void change(const ExchangePtr&);  // stop, start, ... of a service or a function
  void logs(const ExchangePtr&);
  void exec(const ExchangePtr&);
  void list_operations(const ExchangePtr&);
  void get_operation(const ExchangePtr&);
  void events(const ExchangePtr&);
  void list_images(const ExchangePtr&);
  void get_image(const ExchangePtr&);
  void import_image(const ExchangePtr&);
  void build_images(const ExchangePtr&);
  void remove_image(const ExchangePtr&);

 private:
  Result<std::vector<std::string>> log_paths(const std::string& service,
                                             const std::string& function);
  Result<Operation> find_operation(const std::string& id);
  // 202 with the operation, or, with ?wait=SECONDS, 200 when it has ended.
  void answer_operation(const ExchangePtr& exchange, const std::string& id);
  void wake_waiters(const Operation& operation);
  void stream_event(const Event& event);

  struct Waiter {
    std::string operation;
    ExchangePtr exchange;
  };
  Parts parts_;
  ImageJobs jobs_;
  std::vector<std::shared_ptr<Waiter>> waiters_;
  std::vector<ExchangePtr> event_streams_;
};

}  // namespace vireo
