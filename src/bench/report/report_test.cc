// SPDX-License-Identifier: Apache-2.0
#include "bench/report/report.h"

#include <gtest/gtest.h>

#include "bench/report/published.h"

namespace vireo::bench {
namespace {

TEST(Report, a_row_has_every_key) {
  Row row;
  Json json = to_json(row);
  for (const char* key :
       {"metric", "technology", "mode",   "accelerator", "direction", "peer",   "unit",  "status",
        "reason", "n",          "failed", "median",      "min",       "p90",    "p99",   "max",
        "ci95",   "ratio",      "goal",   "met",         "samples",   "phases", "source"})
    EXPECT_TRUE(json.has(key)) << key;
  EXPECT_EQ(json["ratios"].items().size(), 0u);  // all of them
  EXPECT_EQ(json.members().size(), 24u);
  EXPECT_TRUE(json["median"].is_null());  // not 0: there is none
  row.samples = {1, 2, 3};
  row.ratios = {{"runc", 0.5, {0.4, 0.6}}, {"docker", 0.1, {0.1, 0.2}}};
  json = to_json(row);
  EXPECT_EQ(json["median"].number(), 2);
  EXPECT_EQ(json["ratio"]["to"].text(), "runc");
  EXPECT_EQ(json["ratios"].items().at(1)["to"].text(), "docker");
  EXPECT_EQ(json["ratio"]["ci95"].items().size(), 2u);
}

std::string why(const std::string& technology) { return technology + " has no driver"; }

Report with_draft() {
  Report report;
  for (const char* metric :
       {"instantiation", "throughput", "round_trip", "image_size", "memory_use"}) {
    add_missing_technologies(report.rows, metric, why);
    for (Row& row : published_rows())
      if (row.metric == metric) report.rows.push_back(row);
  }
  return report;
}

TEST(Report, the_rows_of_the_draft_are_always_there) {
  Report report = with_draft();
  ASSERT_EQ(published_technologies().size(), 7u);
  for (const char* metric :
       {"instantiation", "throughput", "round_trip", "image_size", "memory_use"})
    for (const std::string& technology : published_technologies()) {
      size_t published = 0, absent = 0;
      for (const Row& row : report.rows) {
        if (row.metric != metric || row.technology != technology) continue;
        published += row.status == RowStatus::published;
        absent += row.status == RowStatus::not_run && row.reason == why(technology);
      }
      EXPECT_EQ(published, std::string(metric) == "throughput" ? 2u : 1u) << metric << technology;
      EXPECT_EQ(absent, 1u) << metric << technology;
    }
}

TEST(Report, a_measured_technology_is_not_called_missing) {
  std::vector<Row> rows(1);
  rows[0].metric = "heal";
  rows[0].technology = "container";
  add_missing_technologies(rows, "heal", why);
  EXPECT_EQ(rows.size(), 7u);
}

TEST(Report, all_forms_say_what_was_not_run) {
  Report report = with_draft();
  for (const std::string& text : {text_report(report), html_report(report)}) {
    EXPECT_NE(text.find("not run: tinyx.kvm has no driver"), std::string::npos);
    EXPECT_NE(text.find("draft: unikernel.osv.kvm"), std::string::npos);
  }
  EXPECT_EQ(report_json(report)["rows"].items().size(), report.rows.size());
}

TEST(Report, failures_and_sources_are_printed) {
  Report report;
  Row row;
  row.metric = "throughput";
  row.technology = "container";
  row.unit = "Gb/s";
  row.source = "iperf 2, reno";
  row.failed = 2;
  row.reason = "no route";
  report.rows.push_back(row);
  EXPECT_NE(text_report(report).find("all 2 failed: no route"), std::string::npos);
  EXPECT_NE(text_report(report).find("by iperf 2, reno"), std::string::npos);
  report.rows[0].samples = {40};
  EXPECT_NE(text_report(report).find("2 failed: no route"), std::string::npos);
}

TEST(Report, noise_is_named_by_metric) {
  EXPECT_EQ(noise_text({}), "A/A difference: too few samples to tell");
  EXPECT_EQ(noise_text({{"heal", 25}, {"stop", 3}}),
            "A/A difference: heal 25 % (too noisy now to judge), stop 3 %");
}

}  // namespace
}  // namespace vireo::bench
