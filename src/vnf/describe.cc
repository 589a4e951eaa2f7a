// SPDX-License-Identifier: Apache-2.0
// vnf-describe NAME: writes the label of a function as model/function_type.h reads it. A tool of
// the build; without NAME it lists the functions.
#include <cstdio>
#include <string_view>
#include <vector>

#include "vnf/label_text.h"

const std::vector<const vireo::vnf::FunctionTable*>& all_tables();

int main(int count, char** arguments) {
  for (const auto* table : all_tables()) {
    if (count == 1) std::puts(table->name);
    if (count != 2 || std::string_view(arguments[1]) != table->name) continue;
    std::puts(vireo::vnf::LabelText(*table).value().c_str());
    return 0;
  }
  return count == 1 ? 0 : 2;
}
