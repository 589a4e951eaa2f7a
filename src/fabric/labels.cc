// SPDX-License-Identifier: Apache-2.0
#include "fabric/labels.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace vireo {
namespace {

constexpr std::string_view mark = "vireo1";
constexpr std::array<std::string_view, 6> roles = {"link", "port",        "spare",
                                                   "host", "host-bridge", "uplink"};
constexpr std::array<std::string_view, 3> kinds = {"tap", "packet", "veth"};
constexpr size_t longest_alias = 255;

template <size_t size>
std::optional<size_t> index_of(const std::array<std::string_view, size>& words,
                               std::string_view word) {
  for (size_t i = 0; i < size; ++i)
    if (words[i] == word) return i;
  return std::nullopt;
}

}  // namespace

Result<std::string> label_text(const Label& label) {
  std::string text = fmt::format("{} {} {} {} {} {} {}", mark, roles[size_t(label.role)],
                                 kinds[size_t(label.kind)], label.taken ? 1 : 0,
                                 to_string(label.mac), label.link, label.id);
  if (text.size() > longest_alias)
    return Error{Errc::invalid, fmt::format("the name `{}` is too long for a port: {} bytes more "
                                            "than an interface can carry",
                                            label.id, text.size() - longest_alias)};
  return text;
}

std::optional<Label> parse_label(std::string_view text) {
  const std::vector<std::string_view> words = split(text, ' ');
  if (words.size() != 7 || words[0] != mark) return std::nullopt;
  const auto role = index_of(roles, words[1]);
  const auto kind = index_of(kinds, words[2]);
  const Result<MacAddress> mac = parse_mac(words[4]);
  if (!role || !kind || !mac) return std::nullopt;
  return Label{Role(*role), PortKind(*kind),       words[3] == "1",
               *mac,        std::string(words[5]), std::string(words[6])};
}

}  // namespace vireo
