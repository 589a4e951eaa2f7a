// SPDX-License-Identifier: Apache-2.0
#include "bench/report/published.h"

namespace vireo::bench {
namespace {

struct Published {
  const char* technology;
  double instantiation_ms, tx_gbps, rx_gbps, round_trip_ms, image_mb, memory_mb;
};

constexpr Published table[] = {
    {"standardvm.xen", 6500, 23.1, 24.5, 34, 913, 112},
    {"standardvm.kvm", 2988, 20.1, 38.9, 18, 913, 82},
    {"container", 1711, 45.1, 43.8, 4, 61, 3.8},
    {"tinyx.kvm", 1081, 21.5, 37.9, 19, 3.5, 30},
    {"tinyx.xen", 431, 28.6, 24.9, 15, 3.7, 31},
    {"unikernel.osv.kvm", 330, 47.9, 47.7, 9, 12, 52},
    {"unikernel.minios.xen", 31, 49.5, 32.6, 5, 2, 8},
};

Row published(const char* metric, const char* technology, const char* unit, double value,
              const char* section) {
  Row row;
  row.metric = metric;
  row.technology = technology;
  row.unit = unit;
  row.status = RowStatus::published;
  row.samples = {value};
  row.source = std::string("draft-natarajan-nfvrg-containers-for-nfv-03, section ") + section;
  return row;
}

}  // namespace

std::vector<Row> published_rows() {
  std::vector<Row> rows;
  for (const Published& p : table)
    rows.push_back(published("instantiation", p.technology, "ms", p.instantiation_ms, "4.2"));
  for (const Published& p : table) {
    rows.push_back(published("throughput", p.technology, "Gb/s", p.tx_gbps, "4.3"));
    rows.back().direction = "tx";
    rows.push_back(published("throughput", p.technology, "Gb/s", p.rx_gbps, "4.3"));
    rows.back().direction = "rx";
  }
  for (const Published& p : table)
    rows.push_back(published("round_trip", p.technology, "us", p.round_trip_ms * 1000, "4.4"));
  for (const Published& p : table)
    rows.push_back(published("image_size", p.technology, "MB", p.image_mb, "4.5"));
  for (const Published& p : table)
    rows.push_back(published("memory_use", p.technology, "MB", p.memory_mb, "4.6"));
  return rows;
}

std::vector<std::string> published_technologies() {
  std::vector<std::string> names;
  for (const Published& p : table) names.emplace_back(p.technology);
  return names;
}

}  // namespace vireo::bench
