// SPDX-License-Identifier: Apache-2.0
// Archives made by the tests: good ones and hostile ones.
#pragma once
#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/fd.h"

namespace vireo::test {

struct Entry {
  std::string name;
  std::string content = {};
  mode_t mode = S_IFREG | 0644;
  std::string link = {};  // target of a symbolic link
  std::string hard_link = {};
  unsigned owner = 0;
};

inline Entry directory(std::string name, mode_t mode = 0755) {
  return {std::move(name), {}, S_IFDIR | mode};
}
inline Entry symbolic_link(std::string name, std::string target) {
  return {std::move(name), {}, S_IFLNK | 0777, std::move(target)};
}
inline Entry hard_link(std::string name, std::string target) {
  return {std::move(name), {}, S_IFREG | 0644, {}, std::move(target)};
}

enum class Filter { none, gzip, zstd };
std::string tar(const std::vector<Entry>& entries, Filter filter = Filter::none);

// The files of a `docker save` archive (Docker 20.10's form), layers as given.
struct DockerSave {
  std::string name = "web:1";
  std::vector<std::string> layers;         // tar streams
  std::vector<std::string> diff_ids = {};  // empty: the true ones
  std::string settings = R"({"Entrypoint":["/run"],"Env":["A=b"],"User":"web"})";
};
std::vector<Entry> docker_save(const DockerSave& image);

// The files of an OCI layout with one image.
struct Layout {
  std::vector<std::string> layers;   // as stored
  std::vector<std::string> streams;  // the same, uncompressed
  std::string name = "web:2";
  std::string settings = R"({"Cmd":["/run"]})";
};
std::vector<Entry> layout(const Layout& image);

// The archive as a pipe or file that import() may read.
Fd as_file(const std::string& bytes);

}  // namespace vireo::test
