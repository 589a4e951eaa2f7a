// SPDX-License-Identifier: Apache-2.0
#include "api/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <map>

#include "api/api.h"

namespace vireo {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Families by name, each with its samples; in the order of first use.
class Families {
 public:
  void counter(const std::string& name, const std::string& help, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = value;
    add(name, help, MetricType::Counter, std::move(metric));
  }
  void gauge(const std::string& name, const std::string& help, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    add(name, help, MetricType::Gauge, std::move(metric));
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  void add(const std::string& name, const std::string& help, MetricType type, ClientMetric metric) {
    auto [found, made] = index_.emplace(name, families_.size());
    if (made) families_.push_back({name, help, type, {}});
    families_[found->second].metric.push_back(std::move(metric));
  }
  std::vector<MetricFamily> families_;
  std::map<std::string, size_t> index_;
};

Labels with(Labels labels, const std::string& name, const std::string& value) {
  labels.push_back({name, value});
  return labels;
}

void add_usage(Families& out, const FunctionStatus& function, const Labels& labels) {
  out.counter("container_cpu_usage_seconds_total", "CPU time used", labels,
              static_cast<double>(function.usage.cpu_ns) / 1e9);
  out.gauge("container_memory_usage_bytes", "Memory charged", labels,
            static_cast<double>(function.usage.memory));
  if (function.usage.memory_peak != 0)
    out.gauge("container_memory_max_usage_bytes", "Most memory charged", labels,
              static_cast<double>(function.usage.memory_peak));
  out.gauge("container_processes", "Processes", labels, static_cast<double>(function.usage.pids));
  if (function.started)
    out.gauge("container_start_time_seconds", "Start time since the epoch", labels,
              std::chrono::duration<double>(function.started->time_since_epoch()).count());
}

void add_ports(Families& out, const FunctionStatus& function, const Labels& base) {
  for (const PortCounters& port : function.port_counters) {
    Labels labels = with(base, "interface", port.id.substr(port.id.rfind(':') + 1));
    auto add = [&](const char* name, const char* help, uint64_t value) {
      out.counter(std::string("container_network_") + name + "_total", help, labels,
                  static_cast<double>(value));
    };
    add("receive_bytes", "Bytes received", port.rx_bytes);
    add("receive_packets", "Packets received", port.rx_packets);
    add("receive_packets_dropped", "Packets dropped on receipt", port.rx_dropped);
    add("transmit_bytes", "Bytes sent", port.tx_bytes);
    add("transmit_packets", "Packets sent", port.tx_packets);
    add("transmit_packets_dropped", "Packets dropped on sending", port.tx_dropped);
  }
}

void add_function(Families& out, const FunctionStatus& function) {
  Labels labels{{"service", function.service},
                {"function", function.function},
                {"technology", function.technology},
                {"image", function.image}};
  add_usage(out, function, labels);
  add_ports(out, function, labels);
  out.gauge("vireo_function_up", "1 while it runs", labels, function.state == "running" ? 1 : 0);
  out.gauge("vireo_function_paused", "1 while it is paused", labels,
            function.state == "paused" ? 1 : 0);
  out.counter("vireo_function_restarts_total", "Times it was healed or restarted", labels,
              function.restarts);
  out.gauge("vireo_function_flows", "Flows tracked", labels, static_cast<double>(function.flows));
  for (const auto& [name, value] : function.counters)
    out.counter("vireo_function_counter_total", "The function's own counters",
                with(labels, "counter", name), static_cast<double>(value));
}

}  // namespace

std::string metrics_text(const std::vector<ServiceStatus>& services,
                         const std::vector<PoolMetrics>& pools) {
  Families out;
  for (const ServiceStatus& service : services)
    for (const FunctionStatus& function : service.functions) add_function(out, function);
  for (const PoolMetrics& pool : pools) {
    Labels labels{{"technology", pool.technology}};
    out.counter("vireo_pool_hits_total", "Starts served by the pool", labels,
                static_cast<double>(pool.hits));
    out.counter("vireo_pool_misses_total", "Starts that found the pool empty", labels,
                static_cast<double>(pool.misses));
    out.counter("vireo_pool_loaded_hits_total", "Of the hits: with the program loaded", labels,
                static_cast<double>(pool.loaded_hits));
    out.gauge("vireo_pool_ready", "Spares ready", labels, pool.ready);
    out.gauge("vireo_pool_loaded", "Spares ready with a program loaded", labels, pool.loaded);
    out.gauge("vireo_pool_missing", "Spares that the refill has still to make", labels,
              pool.missing);
    out.gauge("vireo_pool_refill_seconds", "Time of the last refill of one spare", labels,
              std::chrono::duration<double>(pool.refill).count());
    out.gauge("vireo_pool_load_seconds", "Time of the last load of a program ahead of its start",
              labels, std::chrono::duration<double>(pool.load).count());
    out.gauge("vireo_pool_last_refill_loads", "Programs that the last refill as a whole loaded",
              labels, pool.refilled);
    out.gauge("vireo_pool_last_refill_seconds", "Its time, until nothing was missing", labels,
              std::chrono::duration<double>(pool.refilled_in).count());
    for (const auto& [tier, count] : pool.starts)
      out.counter("vireo_starts_total", "Instances started, by the way in which they were",
                  with(labels, "tier", tier), static_cast<double>(count));
  }
  return out.text();
}

// `only=pool`: without those of the functions, of which there may be thousands.
void Api::metrics(const ExchangePtr& exchange) {
  const auto& query = exchange->request().query;
  const auto only = query.find("only");
  std::vector<ServiceStatus> services;
  if (only == query.end() || only->second != "pool") services = parts_.control.services();
  exchange->reply(
      {200, "text/plain; version=0.0.4", metrics_text(services, parts_.control.pools()), {}});
}

}  // namespace vireo
