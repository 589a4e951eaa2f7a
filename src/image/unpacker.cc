// SPDX-License-Identifier: Apache-2.0
#include "image/unpacker.h"

#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <array>
#include <optional>

#include "image/digest.h"
#include "image/tree.h"
#include "image/unpack_process.h"

namespace vireo {
namespace {

// A socket, because a write to it can be told not to raise SIGPIPE.
Result<std::pair<Fd, Fd>> stream_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_error("cannot make a socket pair");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

// false: the other side has closed; its report says why.
Result<bool> send_all(const Fd& to, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) return false;
    if (n < 0) return system_error("cannot write to the unpacker");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// overlayfs shows nothing of lower layers in such a directory (kernel: overlayfs.rst).
Result<void> mark_opaque(const Fd& root, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  Fd directory(static_cast<int>(::syscall(SYS_openat2, root.get(), name, &how, sizeof how)));
  // A later entry of the same layer may have put a file in its place.
  if (!directory && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return {};
  if (!directory || ::fsetxattr(directory.get(), "trusted.overlay.opaque", "y", 1, 0) != 0)
    return system_error(fmt::format("cannot mark `{}` opaque", path));
  return {};
}

}  // namespace

Result<Compression> compression_of(const Fd& file) {
  std::array<unsigned char, 4> first{};
  if (::pread(file.get(), first.data(), first.size(), 0) < 0)
    return system_error("cannot read the archive");
  if (first[0] == 0x1f && first[1] == 0x8b) return Compression::gzip;  // RFC 1952
  if (first == std::array<unsigned char, 4>{0x28, 0xb5, 0x2f, 0xfd}) return Compression::zstd;
  return Compression::none;
}

Result<void> Unpacker::read_uncompressed(const Fd& blob, const Take& take) const {
  if (::lseek(blob.get(), 0, SEEK_SET) != 0) return system_error("cannot rewind the archive");
  if (TRY(compression_of(blob)) == Compression::none) return read_pieces(blob, take);
  auto [here, there] = TRY(stream_pair());
  UnpackProcess inflate = TRY(UnpackProcess::start({program_, "inflate"}, blob, there, Fd()));
  there = Fd();
  TRY(read_pieces(here, take));
  TRY(inflate.finish());
  return {};
}

Result<UnpackedLayer> Unpacker::stream(const Fd& blob, const Take& take) const {
  Sha256 sum;
  UnpackedLayer layer;
  TRY(read_uncompressed(blob, [&](std::string_view piece) -> Result<void> {
    layer.stream_size += piece.size();
    if (layer.stream_size > limits_.bytes)
      return Error{Errc::exhausted,
                   fmt::format("it is larger than {} bytes when uncompressed", limits_.bytes)};
    sum.update(piece);
    return take(piece);
  }));
  layer.diff_id = sum.finish();
  return layer;
}

Result<UnpackedLayer> Unpacker::measure(const Fd& blob) const {
  return stream(blob, [](std::string_view) { return Result<void>(); });
}

Result<UnpackedLayer> Unpacker::unpack(const Fd& blob, const Fd& directory,
                                       const Progress& progress) const {
  auto [here, there] = TRY(stream_pair());
  UnpackProcess process =
      TRY(UnpackProcess::start({program_, "layer", std::to_string(limits_.entries),
                                std::to_string(limits_.bytes), std::to_string(limits_.path)},
                               there, Fd(), directory));
  there = Fd();
  uint64_t done = 0;
  bool open = true;
  auto layer = stream(blob, [&](std::string_view piece) -> Result<void> {
    open = TRY(send_all(here, piece));
    if (!open) return Error{Errc::unavailable, "the unpacker closed its input"};
    if (progress) progress(done += piece.size());
    return {};
  });
  if (!layer && open) return std::move(layer).error();
  here = Fd();
  UnpackReport report = TRY(process.finish());
  if (!layer) return std::move(layer).error();
  for (const std::string& path : report.opaque) TRY(mark_opaque(directory, path));
  return layer;
}

}  // namespace vireo
