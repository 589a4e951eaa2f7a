// SPDX-License-Identifier: Apache-2.0
// A function class behind plain calls, so that each back-end's loop is compiled once. Freestanding.
#pragma once
#include <type_traits>

#include "vnf/function.h"

namespace vireo::vnf {

struct FunctionEntry {
  const FunctionTable* table;
  bool (*configure)(const Context& context, const void* config);
  void (*tick)(uint64_t now_ns);
  void (*export_state)(StateSink& sink);  // null without state
  bool (*import_state)(StateSource& source);
  void (*process)(Batch& batch);       // null of style stack
  uint64_t (*transmit)(Batch& batch);  // null: it sends only while it has a batch
};

// The only object of its program, in zeroed memory.
template <class F>
inline constinit F the_function{};

template <class F>
constexpr FunctionEntry entry_of() {
  static_assert(std::is_trivially_destructible_v<F>);
  static_assert(F::table.config_size == 0 || F::table.config_size == sizeof(typename F::Config));
  FunctionEntry entry{};
  entry.table = &F::table;
  entry.configure = [](const Context& context, const void* config) {
    return the_function<F>.configure(context, *static_cast<const typename F::Config*>(config));
  };
  entry.tick = [](uint64_t now_ns) { the_function<F>.tick(now_ns); };
  if constexpr (F::table.state_version != 0) {
    entry.export_state = [](StateSink& sink) { the_function<F>.export_state(sink); };
    entry.import_state = [](StateSource& source) { return the_function<F>.import_state(source); };
  }
  if constexpr (F::table.ports == Ports::packet)
    entry.process = [](Batch& batch) { the_function<F>.process(batch); };
  if constexpr (requires(F function, Batch batch) { function.transmit(batch); })
    entry.transmit = [](Batch& batch) { return the_function<F>.transmit(batch); };
  return entry;
}

// Why this identity is none for the function; nullptr: it is one.
const char* fault_of(const Identity& identity, const FunctionTable& table);

}  // namespace vireo::vnf
