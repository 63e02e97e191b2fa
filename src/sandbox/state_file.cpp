#include "sandbox/state_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "sandbox/grant_json.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr int version = 1;

json::object snapshot(const SandboxState& state, json::object keys) {
  json::array grants;
  for (const auto& grant : state.ledger.grants()) grants.push_back(to_json(grant));
  json::array companies;
  for (const auto& company : state.companies) companies.push_back({{"realm", company.realm}, {"name", company.name}});
  json::array customers;
  for (const auto& customer : state.customers) {
    customers.push_back({{"id", customer.id}, {"realm", customer.realm}, {"display_name", customer.display_name}});
  }
  return {{"evergrant_sandbox", version},
          {"clock", {{"offset_ms", state.clock.offset().count()}, {"speed", state.clock.speed()}}},
          {"keys", std::move(keys)},
          {"companies", std::move(companies)},
          {"customers", std::move(customers)},
          {"grants", std::move(grants)}};
}

// Throws on JSON of another shape.
Result<> restore(const json::object& from, SandboxState& state) {
  if (from.at("evergrant_sandbox") != version) return fail(Errc::invalid_argument, "another version wrote it");
  std::deque<Grant> grants;
  for (const auto& grant : from.at("grants").as_array()) grants.push_back(grant_from_json(grant));
  std::vector<Company> companies;
  for (const auto& entry : from.at("companies").as_array()) {
    companies.emplace_back(std::string{entry.at("realm").as_string()}, std::string{entry.at("name").as_string()});
  }
  std::vector<Customer> customers;
  for (const auto& entry : from.at("customers").as_array()) {
    customers.push_back({.id = entry.at("id").to_number<int>(),
                         .realm = std::string{entry.at("realm").as_string()},
                         .display_name = std::string{entry.at("display_name").as_string()}});
  }
  const json::object& clock = from.at("clock").as_object();
  const Duration offset{clock.at("offset_ms").to_number<std::int64_t>()};
  const double speed = clock.at("speed").to_number<double>();
  const auto keys = state.keys.restore(from.at("keys").as_object());
  if (!keys) return keys;
  state.ledger.restore(std::move(grants));
  state.companies = std::move(companies);
  state.customers = std::move(customers);
  state.clock.advance(offset);
  state.clock.set_speed(speed);
  return {};
}

std::string system_error(const std::string& path) { return path + ": " + std::strerror(errno); }

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<> load_state(const std::string& path, SandboxState& state) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return {};
  const auto refuse = [&](std::string_view why) {
    return fail(Errc::invalid_argument, path + ": not a state file of the sandbox: " + std::string{why},
                "move it away: the sandbox then starts empty");
  };
  std::ifstream file{path, std::ios::binary};
  if (!file) return fail(Errc::invalid_argument, system_error(path), "make it readable, or move it away");
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  try {
    const auto restored = restore(json::parse(text).as_object(), state);
    if (!restored) return refuse(restored.error().message);
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
  return {};
}

Result<> save_state(const std::string& path, const SandboxState& state) {
  auto keys = state.keys.to_json();
  if (!keys) return std::unexpected(keys.error());
  const std::string text = json::serialize(snapshot(state, std::move(*keys)));
  const std::string fresh = path + ".new";
  (void)::unlink(fresh.c_str());  // left over from a process that was killed
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return fail(Errc::store_unavailable, system_error(fresh), "make its folder writable");
  const bool written = write_all(file, text);
  const bool closed = ::close(file) == 0;
  if (!written || !closed || std::rename(fresh.c_str(), path.c_str()) != 0) {
    return fail(Errc::store_unavailable, system_error(fresh), "is the disk full?");
  }
  return {};
}

}  // namespace evergrant
