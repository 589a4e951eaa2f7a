// SPDX-License-Identifier: Apache-2.0
#include "image/function_layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "base/json.h"
#include "host/files.h"

namespace vireo {
namespace {

constexpr size_t largest_program = 64u << 20;

struct Close {
  void operator()(archive* writer) const { archive_write_free(writer); }
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using Writer = std::unique_ptr<archive, Close>;

la_ssize_t append(archive*, void* output, const void* bytes, size_t size) {
  static_cast<std::string*>(output)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

Result<void> add(const Writer& writer, const std::string& name, mode_t mode,
                 std::string_view content) {
  std::unique_ptr<archive_entry, Close> entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_mode(entry.get(), mode);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
  archive_entry_set_mtime(entry.get(), 0, 0);
  archive_entry_set_uid(entry.get(), 0);
  archive_entry_set_gid(entry.get(), 0);
  if (archive_write_header(writer.get(), entry.get()) != ARCHIVE_OK ||
      archive_write_data(writer.get(), content.data(), content.size()) !=
          static_cast<la_ssize_t>(content.size()))
    return Error{Errc::internal,
                 fmt::format("cannot pack `{}`: {}", name, archive_error_string(writer.get()))};
  return {};
}

}  // namespace

static Result<std::string> read_program(const std::string& path) {
  std::string content = TRY(read_file(path, largest_program));
  if (!content.starts_with("\x7f"
                           "ELF"))
    return Error{Errc::invalid, fmt::format("{} is not an ELF program", path)};
  return content;
}

Result<std::string> function_layer(const std::string& program) {
  std::string content = TRY(read_program(program));
  const std::string unikernel = program + ".elf";
  std::string layer;
  Writer writer(archive_write_new());
  archive_write_set_format_ustar(writer.get());
  archive_write_add_filter_gzip(writer.get());
  archive_write_set_options(writer.get(), "gzip:compression-level=9,gzip:!timestamp");
  archive_write_set_bytes_in_last_block(writer.get(), 1);
  if (archive_write_open(writer.get(), &layer, nullptr, append, nullptr) != ARCHIVE_OK)
    return Error{Errc::internal, "cannot make an archive"};
  for (const char* folder : {"dev", "etc", "proc", "sys", "tmp"})
    TRY(add(writer, folder, S_IFDIR | (folder[0] == 't' ? 01777 : 0755), ""));
  for (const char* file : {"etc/hostname", "etc/hosts", "etc/resolv.conf"})
    TRY(add(writer, file, S_IFREG | 0644, ""));
  TRY(add(writer, "function", S_IFREG | 0755, content));
  if (std::filesystem::exists(unikernel)) {
    std::string image = TRY(read_program(unikernel));
    TRY(add(writer, "function.elf", S_IFREG | 0644, image));
  }
  if (archive_write_close(writer.get()) != ARCHIVE_OK)
    return Error{Errc::internal, "cannot finish an archive"};
  return layer;
}

std::string function_settings(const std::string& function_type_json) {
  return Json::object()
      .set("User", "65532:65532")
      .set("Entrypoint", Json::array().push("/function"))
      .set("WorkingDir", "/")
      .set("Labels", Json::object().set(function_label, function_type_json))
      .dump();
}

}  // namespace vireo
