// SPDX-License-Identifier: Apache-2.0
#include "model/scalar_text.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/net_address.h"
#include "base/text.h"

namespace vireo {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

bool one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

bool all(std::string_view text, auto holds) { return std::all_of(text.begin(), text.end(), holds); }

size_t digits_at(std::string_view text, size_t from) {
  size_t at = from;
  while (at < text.size() && is_digit(text[at])) at++;
  return at - from;
}

// [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+
bool is_integer(std::string_view text) {
  if (text.starts_with("0o") && text.size() > 2)
    return all(text.substr(2), [](char c) { return c >= '0' && c <= '7'; });
  if (text.starts_with("0x") && text.size() > 2)
    return all(text.substr(2), [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (text.starts_with("-") || text.starts_with("+")) text.remove_prefix(1);
  return !text.empty() && all(text, is_digit);
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? | [-+]?\.inf | \.nan
bool is_number(std::string_view text) {
  static constexpr std::array<std::string_view, 6> special{".inf", ".Inf", ".INF",
                                                           ".nan", ".NaN", ".NAN"};
  if (text.starts_with("-") || text.starts_with("+")) text.remove_prefix(1);
  if (std::find(special.begin(), special.end(), text) != special.end()) return true;
  size_t whole = digits_at(text, 0);
  size_t at = whole;
  size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    fraction = digits_at(text, at + 1);
    at += 1 + fraction;
  }
  if (whole + fraction == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    at++;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) at++;
    size_t exponent = digits_at(text, at);
    if (exponent == 0) return false;
    at += exponent;
  }
  return at == text.size();
}

bool is_decimal(std::string_view text) {  // [0-9]+(\.[0-9]+)?
  size_t whole = digits_at(text, 0);
  if (whole == text.size()) return whole > 0;
  return whole > 0 && text[whole] == '.' && digits_at(text, whole + 1) > 0 &&
         whole + 1 + digits_at(text, whole + 1) == text.size();
}

// A decimal with one of `units` behind it.
bool is_quantity(std::string_view text, std::span<const std::string_view> units) {
  return text.size() <= 24 && std::any_of(units.begin(), units.end(), [&](std::string_view unit) {
           return text.ends_with(unit) && is_decimal(text.substr(0, text.size() - unit.size()));
         });
}

bool is_label(std::string_view text) {  // RFC 1123, in lower case
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         all(text, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_image(std::string_view text) {
  return !text.empty() && text.size() <= 255 && (is_letter(text[0]) || is_digit(text[0])) &&
         all(text, [](char c) { return is_letter(c) || is_digit(c) || one_of(c, "._-/:@"); });
}

bool is_technology(std::string_view text) {
  if (text.size() > 63) return false;
  for (std::string_view word : split(text, '.'))
    if (word.empty() || !is_lower(word[0]) ||
        !all(word, [](char c) { return is_lower(c) || is_digit(c); }))
      return false;
  return true;
}

bool is_memory(std::string_view text) {
  static constexpr std::array<std::string_view, 11> units{"",   "B",  "KiB", "MiB", "GiB", "kB",
                                                          "MB", "GB", "K",   "M",   "G"};
  return is_quantity(text, units);
}

bool is_duration(std::string_view text) {
  static constexpr std::array<std::string_view, 5> units{"us", "ms", "s", "m", "h"};
  return is_quantity(text, units);
}

// Absolute, without empty, "." and ".." parts.
bool is_path(std::string_view text) {
  if (text.size() < 2 || text.size() > 4000 || text[0] != '/') return false;
  for (std::string_view part : split(text.substr(1), '/'))
    if (part.empty() || part == "." || part == "..") return false;
  return all(text, [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
}

bool is_url_path(std::string_view text) {
  return !text.empty() && text.size() <= 1000 && text[0] == '/' &&
         all(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_local_file(std::string_view text) {
  return !text.empty() && text.size() <= 4000 &&
         all(text, [](unsigned char c) { return c >= 0x20; });
}

bool is_mode(std::string_view text) {
  return text.size() >= 3 && text.size() <= 4 && (text.size() == 3 || text[0] == '0') &&
         all(text, [](char c) { return c >= '0' && c <= '7'; });
}

bool is_interface(std::string_view text) {  // as Linux's dev_valid_name
  return !text.empty() && text.size() <= 15 && text != "." && text != ".." &&
         all(text, [](char c) { return c > 0x20 && c < 0x7f && c != '/' && c != ':'; });
}

bool is_variable(std::string_view text) {
  return !text.empty() && text.size() <= 255 && !is_digit(text[0]) &&
         all(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

// How many bytes the UTF-8 sequence at the start of `text` has; 0 when it is none.
size_t sequence_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || length > text.size()) return 0;
  for (size_t i = 1; i < length; i++)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (length == 1) return (first < 0x20 && !one_of(text[0], "\t\n\r")) || first == 0x7f ? 0 : 1;
  // Overlong forms, surrogates, beyond U+10FFFF.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
  if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
  return length;
}

}  // namespace

YamlKind plain_kind(std::string_view text) {
  static constexpr std::array<std::string_view, 4> nulls{"~", "null", "Null", "NULL"};
  static constexpr std::array<std::string_view, 6> booleans{"true",  "True",  "TRUE",
                                                            "false", "False", "FALSE"};
  auto in = [&](const auto& words) {
    return std::find(words.begin(), words.end(), text) != words.end();
  };
  if (text.empty() || in(nulls)) return YamlKind::null;
  if (in(booleans)) return YamlKind::boolean;
  if (is_integer(text)) return YamlKind::integer;
  return is_number(text) ? YamlKind::number : YamlKind::text;
}

size_t first_not_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    size_t length = sequence_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

const TextGrammar name_grammar{"a name", "web-1", "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", is_label};
const TextGrammar image_grammar{"an image", "vireo/firewall",
                                "^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$", is_image};
const TextGrammar technology_grammar{
    "a technology", "container", "^(?=.{1,63}$)[a-z][a-z0-9]*(\\.[a-z][a-z0-9]*)*$", is_technology};
const TextGrammar any_grammar{"text", "text", "", [](std::string_view) { return true; }};
const TextGrammar memory_grammar{"an amount of memory", "64MiB",
                                 "^(?=.{1,24}$)[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB|kB|MB|GB|K|M|G)?$",
                                 is_memory};
const TextGrammar duration_grammar{"a duration", "500ms",
                                   "^(?=.{1,24}$)[0-9]+(\\.[0-9]+)?(us|ms|s|m|h)$", is_duration};
const TextGrammar path_grammar{"an absolute path", "/etc/nginx/nginx.conf",
                               "^(?=.{2,4000}$)(/(?!\\.{0,2}(/|$))[^/\\u0000-\\u001f\\u007f]+)+$",
                               is_path};
const TextGrammar url_path_grammar{"a path", "/health", "^/[!-~]{0,999}$", is_url_path};
const TextGrammar local_file_grammar{"a file name", "nginx.conf", "^[^\\u0000-\\u001f]{1,4000}$",
                                     is_local_file};
const TextGrammar mode_grammar{"a file mode in octal digits", "0644", "^0?[0-7]{3}$", is_mode};
// IPv4 exactly; of IPv6 the characters and the count of colons.
const TextGrammar subnet_grammar{
    "a subnet", "10.20.0.0/24",
    "^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){"
    "3}|"
    "(?=.*::|([^:]*:){7}|([^:]*:){6}[0-9.]+)[0-9A-Fa-f:]+[0-9A-Fa-f:.]*)/[0-9]+$",
    [](std::string_view t) { return parse_prefix(t).has_value(); }};
const TextGrammar address_grammar{
    "an IP address", "10.20.0.5",
    "^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){"
    "3}|"
    "(?=.*::|([^:]*:){7}|([^:]*:){6}[0-9.]+)[0-9A-Fa-f:]+[0-9A-Fa-f:.]*)$",
    [](std::string_view t) { return parse_ip(t).has_value(); }};
const TextGrammar mac_grammar{"a MAC address", "02:00:00:00:00:05",
                              "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$",
                              [](std::string_view t) { return parse_mac(t).has_value(); }};
const TextGrammar interface_grammar{"an interface of the host", "eth1",
                                    "^(?!\\.{1,2}$)[!-.0-9;-~]{1,15}$", is_interface};
const TextGrammar variable_grammar{"the name of a variable", "LISTEN_PORT",
                                   "^[A-Za-z_][A-Za-z0-9_]{0,254}$", is_variable};

}  // namespace vireo
