// SPDX-License-Identifier: Apache-2.0
// What a libvnf function is given at its start (vnf/abi.h), on every technology.
#pragma once
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "model/instance.h"

namespace vireo {

struct FunctionMemory {
  Fd vitals;    // sealed in its size
  Fd identity;  // sealed; the configuration behind it
};
// With a random seed of its own. Errc::invalid: more ports or addresses than fit.
Result<FunctionMemory> make_function_memory(const InstanceSpec& spec);

// The same by parts. The vitals page is as large as the ABI says, and sealed in its size.
Result<Fd> make_vitals();
Result<std::string> make_identity(const InstanceSpec& spec);

// The identity page of a libvnf function with its configuration behind it.
Result<std::string> encode_identity(const InstanceSpec& spec, const std::string& seed);

// Opened anew, so that whoever maps it can only read.
Result<Fd> read_only_vitals(const Fd& vitals);
// Its announcement may have gone to a daemon before us: the page still says so.
bool says_ready(const Fd& vitals);

}  // namespace vireo
