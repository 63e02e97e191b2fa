#include "base/toml_document.hpp"

// With NDEBUG toml++ lets the compiler assume what it otherwise asserts, which is not always so (cmake/Layer.cmake).
#pragma push_macro("NDEBUG")
#undef NDEBUG
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::uintmax_t max_file_size = 1U << 20U;

TomlNode convert(const toml::node& node);

template <class T>
std::string spelled(const T& date) {
  std::ostringstream out;
  out << date;
  return std::move(out).str();
}

void convert_members(const toml::table& table, TomlNode& out) {
  for (const auto& [key, value] : table) {
    TomlMember member{.name = std::string{key.str()}, .value = convert(value)};
    // An error points at the name of a field, which is also where a table begins.
    member.value.line = static_cast<int>(key.source().begin.line);
    member.value.column = static_cast<int>(key.source().begin.column);
    out.members.push_back(std::move(member));
  }
  std::ranges::sort(out.members, {}, [](const TomlMember& m) { return std::pair{m.value.line, m.value.column}; });
}

TomlNode convert(const toml::node& node) {
  TomlNode out;
  out.line = static_cast<int>(node.source().begin.line);
  out.column = static_cast<int>(node.source().begin.column);
  if (const auto* table = node.as_table()) {
    convert_members(*table, out);
  } else if (const auto* array = node.as_array()) {
    out.kind = TomlKind::array;
    for (const auto& item : *array) out.items.push_back(convert(item));
  } else if (const auto* text = node.as_string()) {
    out.kind = TomlKind::string;
    out.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    out.kind = TomlKind::integer;
    out.integer = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    out.kind = TomlKind::number;
    out.number = number->get();
  } else if (const auto* boolean = node.as_boolean()) {
    out.kind = TomlKind::boolean;
    out.boolean = boolean->get();
  } else {
    out.kind = TomlKind::date;
    if (const auto* moment = node.as_date_time()) out.text = spelled(moment->get());
    if (const auto* day = node.as_date()) out.text = spelled(day->get());
    if (const auto* time = node.as_time()) out.text = spelled(time->get());
  }
  return out;
}

std::string position(const std::string& file, const toml::source_region& region) {
  return file + ':' + std::to_string(region.begin.line) + ':' + std::to_string(region.begin.column);
}

}  // namespace

Result<TomlNode> parse_toml(std::string_view text, const std::string& file) {
  if (!is_utf8(text)) return fail(Errc::invalid_argument, file + ": not UTF-8 text", "save the file as UTF-8");
  auto parsed = toml::parse(text, file);
  if (!parsed) {
    const auto& error = parsed.error();
    return fail(Errc::invalid_argument, position(file, error.source()) + ": " + printable(error.description(), 300),
                "the file must be valid TOML 1.0 (https://toml.io)");
  }
  return convert(parsed.table());
}

Result<TomlNode> read_toml_file(const std::filesystem::path& path) {
  std::error_code problem;
  const auto size = std::filesystem::file_size(path, problem);
  if (problem) {
    const auto code = problem == std::errc::no_such_file_or_directory ? Errc::not_found : Errc::invalid_argument;
    return fail(code, path.string() + ": cannot be read: " + problem.message(), "give the path of a readable TOML file");
  }
  if (size > max_file_size) return fail(Errc::invalid_argument, path.string() + ": larger than 1 MiB");
  std::ifstream in{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in.is_open() || in.bad()) {
    return fail(Errc::invalid_argument, path.string() + ": cannot be read", "check the owner and mode of the file");
  }
  return parse_toml(text, path.string());
}

const TomlNode* find_member(const TomlNode& table, std::string_view name) {
  const auto found = std::ranges::find(table.members, name, &TomlMember::name);
  return found == table.members.end() ? nullptr : &found->value;
}

const TomlNode& locate(const TomlNode& root, std::string_view dotted_path) {
  const TomlNode* here = &root;
  for (const auto& step : split(dotted_path, '.')) {
    const TomlNode* next = find_member(*here, step);
    if (next == nullptr) break;
    here = next;
  }
  return *here;
}

void merge_toml(TomlNode& base, const TomlNode& over) {
  if (base.kind != TomlKind::table || over.kind != TomlKind::table) {
    base = over;
    return;
  }
  for (const auto& member : over.members) {
    const auto found = std::ranges::find(base.members, member.name, &TomlMember::name);
    if (found == base.members.end()) {
      base.members.push_back(member);
    } else {
      merge_toml(found->value, member.value);
    }
  }
}

}  // namespace evergrant
