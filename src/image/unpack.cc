// SPDX-License-Identifier: Apache-2.0
#include "image/unpack.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "image/layer_writer.h"

namespace vireo {
namespace {

constexpr size_t block_size = 128 * 1024;

struct CloseArchive {
  void operator()(archive* stream) const { archive_read_free(stream); }
};
using Reader = std::unique_ptr<archive, CloseArchive>;

Error archive_error(archive* stream, std::string_view fallback) {
  const char* text = archive_error_string(stream);
  return {Errc::corrupt, std::string(text != nullptr ? text : fallback)};
}

Result<Reader> open_tar(int fd) {
  Reader reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_empty(reader.get());
  if (archive_read_open_fd(reader.get(), fd, block_size) != ARCHIVE_OK)
    return archive_error(reader.get(), "not a tar archive").within("read the archive");
  return reader;
}

// What follows the end mark is padding; the sender must not meet a closed pipe.
Result<void> drain(int fd) {
  std::array<char, 16384> buffer{};
  ssize_t n = 1;
  while (n > 0 || (n < 0 && errno == EINTR)) n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0) return system_error("cannot read the archive");
  return {};
}

Result<void> write_whole(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    ssize_t n = ::write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot write the uncompressed stream");
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return {};
}

std::string entry_name(archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  return name != nullptr ? name : "?";
}

}  // namespace

Result<UnpackReport> unpack(int archive_fd, int directory, const UnpackLimits& limits) {
  Reader reader = TRY(open_tar(archive_fd));
  LayerWriter writer(directory, limits);
  for (;;) {
    archive_entry* entry = nullptr;
    int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) break;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
      return archive_error(reader.get(), "damaged header").within("read the archive");
    TRY_IN(fmt::format("entry `{}`", entry_name(entry)), writer.add(reader.get(), entry));
  }
  reader.reset();
  TRY(drain(archive_fd));
  return writer.finish();
}

Result<void> inflate(int from, int to) {
  Reader reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_fd(reader.get(), from, block_size) != ARCHIVE_OK)
    return archive_error(reader.get(), "not a compressed stream").within("decompress");
  int result = archive_read_next_header(reader.get(), &entry);
  if (result == ARCHIVE_EOF) return {};
  if (result != ARCHIVE_OK) return archive_error(reader.get(), "damaged").within("decompress");
  const void* block = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  while ((result = archive_read_data_block(reader.get(), &block, &size, &offset)) == ARCHIVE_OK)
    TRY(write_whole(to, static_cast<const char*>(block), size));
  if (result != ARCHIVE_EOF) return archive_error(reader.get(), "damaged").within("decompress");
  return {};
}

std::string report_text(const Result<UnpackReport>& report) {
  std::string text;
  auto add = [&](std::string_view part) { text.append(part).push_back('\0'); };
  if (!report) {
    add("failed");
    add(std::to_string(static_cast<int>(report.error().code)));
    add(report.error().message);
    return text;
  }
  add("done");
  add(std::to_string(report->entries));
  add(std::to_string(report->bytes));
  for (const std::string& path : report->opaque) add(path);
  return text;
}

Result<UnpackReport> parse_report(std::string_view text) {
  Error bad{Errc::corrupt, "the unpacker's report is damaged"};
  if (!text.ends_with('\0')) return bad;
  std::vector<std::string_view> parts = split(text.substr(0, text.size() - 1), '\0');
  if (parts.size() < 3) return bad;
  uint64_t first = TRY(parse_number(parts[1]));
  if (parts[0] == "failed" && first <= static_cast<uint64_t>(Errc::internal))
    return Error{static_cast<Errc>(first), std::string(parts[2])};
  if (parts[0] != "done") return bad;
  UnpackReport report{first, TRY(parse_number(parts[2])), {}};
  report.opaque.assign(parts.begin() + 3, parts.end());
  return report;
}

}  // namespace vireo
