// SPDX-License-Identifier: Apache-2.0
#include "seeds.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace vireo::fuzz {

namespace {

std::filesystem::path root;

}  // namespace

void keep(const std::string& target, const std::string& name, const std::string& bytes) {
  std::error_code error;
  std::filesystem::create_directories(root / target, error);
  std::ofstream file(root / target / name, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (file.flush()) return;
  std::fprintf(stderr, "cannot write %s/%s\n", target.c_str(), name.c_str());
  std::exit(1);
}

}  // namespace vireo::fuzz

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: fuzz_seeds FOLDER\n", stderr);
    return 2;
  }
  vireo::fuzz::root = arguments[1];
  vireo::fuzz::keep_agent_seeds();
  vireo::fuzz::keep_tcp_seeds();
  vireo::fuzz::keep_vmm_seeds();
  vireo::fuzz::keep_vnf_seeds();
  return 0;
}
