// SPDX-License-Identifier: Apache-2.0
#include "driver/container/plan/container_plan.h"

#include <fmt/format.h>
#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace vireo {

namespace {

constexpr std::string_view default_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct CapabilityName {
  std::string_view name;
  unsigned bit;
};
// What may be given: each acts on the instance's own namespaces and files.
constexpr std::array grantable = {CapabilityName{"CAP_CHOWN", CAP_CHOWN},
                                  CapabilityName{"CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE},
                                  CapabilityName{"CAP_FOWNER", CAP_FOWNER},
                                  CapabilityName{"CAP_FSETID", CAP_FSETID},
                                  CapabilityName{"CAP_KILL", CAP_KILL},
                                  CapabilityName{"CAP_SETGID", CAP_SETGID},
                                  CapabilityName{"CAP_SETUID", CAP_SETUID},
                                  CapabilityName{"CAP_SETPCAP", CAP_SETPCAP},
                                  CapabilityName{"CAP_NET_BIND_SERVICE", CAP_NET_BIND_SERVICE},
                                  CapabilityName{"CAP_NET_BROADCAST", CAP_NET_BROADCAST},
                                  CapabilityName{"CAP_NET_ADMIN", CAP_NET_ADMIN},
                                  CapabilityName{"CAP_NET_RAW", CAP_NET_RAW},
                                  CapabilityName{"CAP_IPC_LOCK", CAP_IPC_LOCK},
                                  CapabilityName{"CAP_SYS_CHROOT", CAP_SYS_CHROOT},
                                  CapabilityName{"CAP_SETFCAP", CAP_SETFCAP},
                                  CapabilityName{"CAP_AUDIT_WRITE", CAP_AUDIT_WRITE}};

// Appends to one buffer and remembers offsets.
class PlanWriter {
 public:
  PlanWriter() : bytes_(sizeof(EnterPlan), '\0') {}
  uint32_t text(std::string_view value) {
    if (value.find('\0') != std::string_view::npos) good_ = false;
    auto at = static_cast<uint32_t>(bytes_.size());
    bytes_.append(value);
    bytes_.push_back('\0');
    return at;
  }
  uint32_t raw(std::string_view value) {
    auto at = static_cast<uint32_t>(bytes_.size());
    bytes_.append(value);
    return at;
  }
  template <class T>
  EnterSpan array(const std::vector<T>& values) {
    bytes_.resize((bytes_.size() + 7) & ~size_t{7});
    auto at = static_cast<uint32_t>(bytes_.size());
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    return {at, static_cast<uint32_t>(values.size())};
  }
  EnterSpan texts(const std::vector<std::string>& values) {
    std::vector<uint32_t> offsets;
    for (const std::string& value : values) offsets.push_back(text(value));
    return array(offsets);
  }
  bool good() const { return good_; }
  std::string finish(EnterPlan plan) && {
    plan.bytes = static_cast<uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &plan, sizeof plan);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
  bool good_ = true;
};

std::string_view path_of(const ProcessSpec& process) {
  for (const std::string& variable : process.environment)
    if (variable.starts_with("PATH=")) return std::string_view(variable).substr(5);
  return default_path;
}

std::vector<EnterFile> encode_files(PlanWriter& writer, const std::vector<FileContent>& files) {
  std::vector<EnterFile> encoded;
  for (const FileContent& file : files)
    encoded.push_back({writer.text(file.path), writer.raw(file.content),
                       static_cast<uint32_t>(file.content.size()), file.mode});
  return encoded;
}

// Reads what PlanWriter wrote; `good` turns false instead of reading past the end.
struct PlanReader {
  const std::string& bytes;
  bool good = true;

  template <class T>
  std::vector<T> array(EnterSpan span) {
    std::vector<T> values;
    if (span.offset > bytes.size() || span.count > (bytes.size() - span.offset) / sizeof(T))
      return good = false, values;
    values.resize(span.count);
    if (span.count != 0)
      std::memcpy(values.data(), bytes.data() + span.offset, span.count * sizeof(T));
    return values;
  }
  std::string text(uint32_t offset) {
    size_t end = bytes.find('\0', offset);
    if (end == std::string::npos) return good = false, std::string();
    return bytes.substr(offset, end - offset);
  }
};

}  // namespace

Result<EnterRequest> decode_enter_plan(const std::string& bytes) {
  EnterPlan plan{};
  if (bytes.size() < sizeof plan) return Error{Errc::corrupt, "a plan is too short"};
  std::memcpy(&plan, bytes.data(), sizeof plan);
  PlanReader reader{bytes};
  EnterRequest request;
  request.process.uid = plan.uid;
  request.process.gid = plan.gid;
  request.process.working_directory = reader.text(plan.directory);
  request.process.groups = reader.array<uint32_t>(plan.groups);
  for (uint32_t offset : reader.array<uint32_t>(plan.environment))
    request.process.environment.push_back(reader.text(offset));
  request.capabilities = plan.capabilities;
  if (plan.magic != enter_magic || plan.bytes != bytes.size() || !reader.good)
    return Error{Errc::corrupt, "a plan contradicts itself"};
  return request;
}

Result<std::string> name_of_file(const std::string& bytes, const std::string& path) {
  EnterPlan plan{};
  if (bytes.size() < sizeof plan) return Error{Errc::corrupt, "a plan is too short"};
  std::memcpy(&plan, bytes.data(), sizeof plan);
  PlanReader reader{bytes};
  std::vector<EnterFile> files = reader.array<EnterFile>(plan.files);
  for (size_t i = 0; i < files.size(); ++i)
    if (reader.text(files[i].path) == path) return fmt::format("{}", i);
  return Error{Errc::not_found, fmt::format("{} is no file that it was given", path)};
}

std::vector<std::string> program_paths(const ProcessSpec& process) {
  const std::string& program = process.arguments[0];
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> paths;
  for (std::string_view directory : split(path_of(process), ':'))
    paths.push_back(fmt::format("{}/{}", directory.empty() ? "." : directory, program));
  return paths;
}

uint64_t grantable_capabilities() {
  uint64_t bits = 0;
  for (const CapabilityName& each : grantable) bits |= uint64_t{1} << each.bit;
  return bits;
}

Result<uint64_t> capability_bits(const std::vector<std::string>& names) {
  uint64_t bits = 0;
  for (const std::string& name : names) {
    auto found = std::find_if(grantable.begin(), grantable.end(),
                              [&](const CapabilityName& each) { return each.name == name; });
    if (found == grantable.end())
      return Error{Errc::denied, fmt::format("{} is not given to a container", name)};
    bits |= uint64_t{1} << found->bit;
  }
  return bits;
}

Result<std::string> encode_enter_plan(const EnterRequest& request) {
  const ProcessSpec& process = request.process;
  if (process.arguments.empty() || process.arguments[0].empty())
    return Error{Errc::invalid, "there is no command to run"};
  std::vector<std::string> environment = process.environment;
  if (path_of(process) == default_path) environment.push_back(fmt::format("PATH={}", default_path));
  PlanWriter writer;
  EnterPlan plan{};
  plan.magic = enter_magic;
  plan.uid = process.uid;
  plan.gid = process.gid;
  plan.capabilities = request.capabilities;
  plan.host_name = writer.text(request.host_name);
  plan.directory = writer.text(process.working_directory.empty() ? "/" : process.working_directory);
  plan.programs = writer.texts(program_paths(process));
  plan.arguments = writer.texts(process.arguments);
  plan.environment = writer.texts(environment);
  plan.groups = writer.array(process.groups);
  plan.writable = writer.texts(request.writable_paths);
  plan.files = writer.array(encode_files(writer, request.files));
  plan.limits = writer.array(request.limits);
  plan.first_fd = request.first_fd;
  plan.terminal = request.terminal ? 1 : 0;
  plan.rows = request.rows;
  plan.columns = request.columns;
  if (!writer.good()) return Error{Errc::invalid, "a text of the instance holds a zero byte"};
  return std::move(writer).finish(plan);
}

}  // namespace vireo
