// SPDX-License-Identifier: Apache-2.0
// Writes the committed corpora anew: inputs that a well-behaved peer could send, in the encoding of
// each target, for mutations to begin with.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>

namespace vireo::fuzz {

// What Input takes.
class Seed {
 public:
  template <class T>
  Seed& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Seed& put_bytes(const void* from, size_t count) {
    bytes_.append(static_cast<const char*>(from), count);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// corpus/TARGET/NAME below the folder that the program was given. Ends the process on failure.
void keep(const std::string& target, const std::string& name, const std::string& bytes);

void keep_agent_seeds();
void keep_tcp_seeds();
void keep_vmm_seeds();
void keep_vnf_seeds();

}  // namespace vireo::fuzz
