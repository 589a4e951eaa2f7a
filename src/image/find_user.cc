// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "image/image_store.h"
#include "image/tree.h"

namespace vireo {
namespace {

constexpr size_t largest_file = 4u << 20;
using Row = std::vector<std::string_view>;

// From the topmost layer that has the file; "" when none has.
Result<std::string> read_topmost(const Image& image, const std::string& path) {
  for (auto layer = image.layers.rbegin(); layer != image.layers.rend(); ++layer) {
    Fd root = TRY(open_directory(*layer));
    if (!exists_inside(root, path)) continue;
    auto text = read_inside(root, path, largest_file);
    if (text) return text;
    if (text.error().code == Errc::invalid) return std::string();  // hidden by a whiteout
    return std::move(text).error();
  }
  return std::string();
}

std::vector<Row> rows_of(std::string_view text, size_t fields) {
  std::vector<Row> rows;
  for (std::string_view line : split(text, '\n')) {
    Row row = split(line, ':');
    if (row.size() >= fields && !line.starts_with('#')) rows.push_back(std::move(row));
  }
  return rows;
}

// A row by its name, or by its number in field 2 when the word is a number.
const Row* find_row(const std::vector<Row>& rows, std::string_view word) {
  bool number = parse_number(word).has_value();
  auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
    return row[0] == word || (number && row[2] == word);
  });
  return found == rows.end() ? nullptr : &*found;
}

Result<uint32_t> id_of(std::string_view text) {
  uint64_t id = TRY(parse_number(text));
  if (id >= UINT32_MAX) return Error{Errc::invalid, fmt::format("`{}` is no user id", text)};
  return static_cast<uint32_t>(id);
}

std::vector<uint32_t> groups_with(const std::vector<Row>& groups, std::string_view user) {
  std::vector<uint32_t> ids;
  for (const Row& group : groups) {
    if (group.size() < 4) continue;
    Row members = split(group[3], ',');
    auto id = id_of(group[2]);
    if (id && std::find(members.begin(), members.end(), user) != members.end()) ids.push_back(*id);
  }
  return ids;
}

Result<uint32_t> find_id(const std::vector<Row>& rows, std::string_view word, const char* what) {
  if (const Row* row = find_row(rows, word)) return id_of((*row)[2]);
  if (parse_number(word)) return id_of(word);
  return Error{Errc::not_found, fmt::format("the image has no {} `{}`", what, word)};
}

}  // namespace

Result<UserIds> ImageStore::find_user(const Image& image) {
  if (image.user.empty()) return UserIds{};
  std::string passwd = TRY(read_topmost(image, "etc/passwd"));
  std::string group = TRY(read_topmost(image, "etc/group"));
  std::vector<Row> users = rows_of(passwd, 4);
  std::vector<Row> groups = rows_of(group, 3);
  std::string_view user = image.user;
  size_t colon = user.find(':');
  std::string_view name = user.substr(0, colon);
  UserIds ids;
  ids.uid = TRY(find_id(users, name, "user"));
  if (colon != std::string_view::npos) {
    ids.gid = TRY(find_id(groups, user.substr(colon + 1), "group"));
    return ids;
  }
  if (const Row* row = find_row(users, name)) {
    ids.gid = TRY(id_of((*row)[3]));
    ids.groups = groups_with(groups, (*row)[0]);
  }
  return ids;
}

}  // namespace vireo
