// SPDX-License-Identifier: Apache-2.0
// The ordered rules, compiled so that one costs a few comparisons of words.
#pragma once
#include "vnf/firewall/config.h"
#include "vnf/parse.h"

namespace vireo::vnf {

class RuleList {
 public:
  // nullptr, or what is wrong with the rules; `at` is then the number of the rule.
  const char* compile(const FirewallRule* rules, uint32_t count, uint32_t& at);

  static constexpr uint32_t none = 0xffffffff;
  // The number of the first rule that fits, or none.
  uint32_t first_match(const Headers& h, uint8_t in) const;
  Verdict action(uint32_t rule) const { return rules_[rule].action; }

 private:
  struct Address {
    uint64_t bits[2], mask[2];
  };
  struct Rule {
    Address source, destination;
    uint16_t source_port[2], port[2];  // first and last
    uint8_t family;                    // 4, 6 or 0 for both
    uint8_t ports;                     // whether ports are looked at
    uint8_t in;                        // a port, or any_port
    RuleProtocol protocol;
    Verdict action;
  };
  static constexpr uint8_t any_port = 0xff;

  static const char* compile_one(const FirewallRule& from, Rule& to);

  Rule rules_[firewall_most_rules] = {};
  uint32_t count_ = 0;
};

}  // namespace vireo::vnf
