// SPDX-License-Identifier: Apache-2.0
#include "cli/submission.h"

#include "base/base64.h"
#include "base/json.h"
#include "host/files.h"
#include "model/descriptor.h"

namespace vireo {

static constexpr size_t largest_file = 16u << 20;

Result<SubmissionBody> read_submission(const std::string& file) {
  std::string text = TRY(read_file(file == "-" ? "/dev/stdin" : file, largest_file));
  size_t slash = file.rfind('/');
  std::string folder = slash == std::string::npos ? "" : file.substr(0, slash + 1);
  Json files = Json::object();
  for (const std::string& name : local_files(text)) {
    auto content = read_file(name.starts_with("/") ? name : folder + name, largest_file);
    if (content) files.set(name, base64(*content));
  }
  Json body;
  body.set("descriptor", text).set("file", file == "-" ? "standard input" : file);
  body.set("files", std::move(files));
  return SubmissionBody{service_name(text), body.dump()};
}

}  // namespace vireo
