// SPDX-License-Identifier: Apache-2.0
// Reads files below a directory whose content is not trusted: links lead nowhere outside of it.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace vireo {

Result<Fd> open_directory(const std::string& path);

// A regular file; links on the way are followed as if `directory` were the root of everything.
// Errc::not_found when absent, Errc::invalid when it is no regular file.
Result<Fd> open_inside(const Fd& directory, const std::string& path);
Result<std::string> read_inside(const Fd& directory, const std::string& path, size_t limit);
bool exists_inside(const Fd& directory, const std::string& path);

// Calls `take` with one piece after the other until the end or the first error.
Result<void> read_pieces(const Fd& file, const std::function<Result<void>(std::string_view)>& take);
Result<void> write_all(const Fd& file, std::string_view bytes);
Result<uint64_t> file_size(const Fd& file);

// Bytes of regular files below, each inode once.
uint64_t tree_size(const std::string& path);

}  // namespace vireo
