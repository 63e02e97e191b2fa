#include "oauth/profile.hpp"

#include <algorithm>
#include <map>

#include "base/encoding.hpp"
#include "oauth/profile_check.hpp"
#include "oauth/profile_fields.hpp"

namespace evergrant {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view production = "production";

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// A field that could not even be read has its own message already; what follows from that is not told again.
void report(TomlReading& reading, const TomlNode& node, const std::string& path, const Provider& provider) {
  for (const auto& problem : check_profile(provider)) {
    const TomlNode& where = locate(node, problem.field);
    if (&where != &node && reading.has_problem_at(where)) continue;
    const std::string field = path.empty() ? problem.field : path + '.' + problem.field;
    reading.problem(where, "field '" + field + "': " + problem.text);
  }
}

// The file without its environments, and the tables of these.
struct Parts {
  TomlNode base;
  std::vector<TomlMember> environments;
};

Parts take_apart(TomlReading& reading, const TomlNode& root) {
  Parts parts{.base = root, .environments = {}};
  std::erase_if(parts.base.members, [](const TomlMember& m) { return m.name == "environment"; });
  const TomlNode* environments = find_member(root, "environment");
  if (environments == nullptr) return parts;
  if (environments->kind != TomlKind::table) {
    reading.problem(*environments, "field 'environment': expected tables such as [environment.sandbox]");
    return parts;
  }
  for (const auto& member : environments->members) {
    if (member.value.kind == TomlKind::table && is_name(member.name)) {
      parts.environments.push_back(member);
    } else {
      reading.problem(member.value, "field 'environment." + printable(member.name, 60) +
                                        "': expected a table with a lower-case name such as [environment.sandbox]");
    }
  }
  return parts;
}

Provider read_environment(TomlReading& reading, const TomlNode& merged, const std::string& id, std::string_view name) {
  Provider provider;
  provider.id = ProviderId{id};
  provider.environment = name;
  TomlTable top{reading, merged};
  top.require("display_name", "the provider's name for people");
  read_profile_fields(top, provider);
  report(reading, merged, {}, provider);
  return provider;
}

Result<std::vector<Provider>> providers_of(const TomlNode& root, const std::string& file) {
  TomlReading reading{file};
  const std::string id = fs::path{file}.stem().string();
  if (!is_name(id)) {
    reading.problem({}, "the file's name is the provider's id: expected 1 to 64 of a-z, 0-9, _ and -, then .toml");
  }
  Parts parts = take_apart(reading, root);
  if (std::ranges::find(parts.environments, production, &TomlMember::name) == parts.environments.end()) {
    TomlNode nothing;
    parts.environments.insert(parts.environments.begin(), {.name = std::string{production}, .value = nothing});
  }
  std::ranges::sort(parts.environments, {}, [](const TomlMember& m) { return std::pair{m.name != production, m.name}; });
  std::vector<Provider> providers;
  for (const auto& [name, value] : parts.environments) {
    TomlNode merged = parts.base;
    merge_toml(merged, value);
    providers.push_back(read_environment(reading, merged, id, name));
  }
  if (const auto read = reading.result(); !read) return std::unexpected(read.error());
  return providers;
}

Result<std::vector<fs::path>> files_in(const fs::path& directory) {
  std::error_code problem;
  std::vector<fs::path> files;
  for (auto entry = fs::directory_iterator{directory, problem}; !problem && entry != fs::directory_iterator{};
       entry.increment(problem)) {
    if (entry->path().extension() == ".toml") files.push_back(entry->path());
  }
  if (problem) {
    return fail(Errc::not_found, directory.string() + ": provider profiles cannot be read: " + problem.message(),
                "give directories that hold <id>.toml files");
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

Result<std::vector<Provider>> parse_profile(std::string_view text, const std::string& file) {
  const auto root = parse_toml(text, file);
  if (!root) return std::unexpected(root.error());
  return providers_of(*root, file);
}

Result<std::vector<Provider>> load_profile_file(const fs::path& path) {
  const auto root = read_toml_file(path);
  if (!root) return std::unexpected(root.error());
  return providers_of(*root, path.string());
}

void override_profile(TomlReading& reading, const TomlNode& node, const std::string& path, Provider& provider) {
  TomlTable top{reading, node, path};
  read_profile_fields(top, provider);
  report(reading, node, path, provider);
}

const Provider* ProviderCatalogue::find(const ProviderId& id, std::string_view environment) const {
  const auto found =
      std::ranges::find_if(all_, [&](const Provider& p) { return p.id == id && p.environment == environment; });
  return found == all_.end() ? nullptr : &*found;
}

std::vector<std::string> ProviderCatalogue::ids() const {
  std::vector<std::string> ids;
  for (const auto& provider : all_) {
    if (ids.empty() || ids.back() != provider.id.str()) ids.push_back(provider.id.str());
  }
  return ids;
}

std::vector<std::string> ProviderCatalogue::environments(const ProviderId& id) const {
  std::vector<std::string> names;
  for (const auto& provider : all_) {
    if (provider.id == id) names.push_back(provider.environment);
  }
  return names;
}

Result<ProviderCatalogue> load_profiles(const std::vector<fs::path>& directories) {
  std::map<std::string, fs::path> files;
  for (const auto& directory : directories) {
    const auto found = files_in(directory);
    if (!found) return std::unexpected(found.error());
    for (const auto& file : *found) files.insert_or_assign(file.stem().string(), file);
  }
  std::vector<Provider> all;
  std::vector<std::string> problems;
  for (const auto& [id, file] : files) {
    auto loaded = load_profile_file(file);
    if (!loaded) {
      problems.push_back(loaded.error().message);
      continue;
    }
    std::ranges::move(*loaded, std::back_inserter(all));
  }
  if (!problems.empty()) {
    return fail(Errc::invalid_argument, join(problems, "\n"), "mend the profiles at the lines named above");
  }
  return ProviderCatalogue{std::move(all)};
}

}  // namespace evergrant
