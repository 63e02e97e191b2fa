#include "api/quick_token.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "access/rate_limits.hpp"
#include "base/byte_blocks.hpp"
#include "net/answer_room.hpp"
#include "net/quick_request.hpp"

namespace evergrant {
namespace {

constexpr std::size_t id_length = 30;
constexpr std::size_t most_digits = 7;

bool is_in_id(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

// The connection's id in the path; empty: another path.
std::string_view connection_in(std::string_view path) {
  constexpr std::string_view before = "/v1/connections/";
  constexpr std::string_view behind = "/token";
  if (path.size() != before.size() + id_length + behind.size()) return {};
  if (!path.starts_with(before) || !path.ends_with(behind)) return {};
  const auto id = path.substr(before.size(), id_length);
  return id.starts_with("con_") && std::ranges::all_of(id, is_in_id) ? id : std::string_view{};
}

// Of `name=digits`; less than nothing: it is not that.
std::int64_t seconds_in(std::string_view field, std::string_view name) {
  if (!field.starts_with(name)) return -1;
  const auto digits = field.substr(name.size());
  if (digits.empty() || digits.size() > most_digits) return -1;
  std::int64_t seconds = 0;
  const auto [stopped, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  return error == std::errc{} && stopped == digits.data() + digits.size() ? seconds : -1;
}

// Nothing: the query asks for more than `min_ttl` and `wait`, once each, or in another way.
std::optional<ReadRequest> read_request(std::string_view query) {
  if (query.ends_with('&')) return std::nullopt;
  std::optional<std::int64_t> min_ttl, wait;
  while (!query.empty()) {
    const auto field = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), field.size() + 1));
    if (const auto least = seconds_in(field, "min_ttl="); least >= 0 && !min_ttl) {
      min_ttl = least;
    } else if (const auto most = seconds_in(field, "wait="); most >= 0 && most <= longest_wait && !wait) {
      wait = most;
    } else {
      return std::nullopt;
    }
  }
  ReadRequest request{.min_ttl = std::chrono::seconds{min_ttl.value_or(0)}, .deadline = std::nullopt};
  if (wait) request.deadline = std::chrono::seconds{*wait};
  return request;
}

// Stands in a JSON string as it is.
bool is_plain(std::string_view text) {
  return none_is(
      text, [](ByteBlock letters) { return (letters < 0x20) | (letters >= 0x7F) | (letters == '"') | (letters == '\\'); });
}

// A short text that is put together without an allocation; what it has no room for, or what does not stand in JSON as it is,
// makes it unfit.
template <std::size_t most>
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): filled before it is read
class ShortText {
 public:
  void add(std::string_view text) {
    if (text.size() > room_.size() - size_) {
      fit_ = false;
      return;
    }
    std::memcpy(room_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void add_plain(std::string_view text) {
    fit_ = fit_ && is_plain(text);
    add(text);
  }
  void add(std::int64_t number) {
    std::array<char, 20> digits{};
    const auto* end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    add({digits.data(), end});
  }
  [[nodiscard]] bool fits() const noexcept { return fit_; }
  [[nodiscard]] std::string_view text() const noexcept { return {room_.data(), size_}; }

 private:
  std::array<char, most> room_;
  std::size_t size_ = 0;
  bool fit_ = true;
};

using Rest = ShortText<2048>;  // of the answer's body, behind the token

// As token_body writes it (json_body.cpp); a test compares them.
void write_rest(const Connection& row, Time now, Rest& rest) {
  rest.add(R"(","token_type":")");
  rest.add_plain(row.token_type);
  if (row.access_expires_at) {
    rest.add(R"(","expires_at":")");
    rest.add(to_rfc3339(*row.access_expires_at));
    rest.add(R"(","expires_in":)");
    rest.add((*row.access_expires_at - now).count() / 1000);
  } else {
    rest.add(R"(","expires_at":null,"expires_in":null)");
  }
  rest.add(R"(,"generation":)");
  rest.add(row.generation);
  rest.add(R"(,"scope":")");
  bool first = true;
  for (const std::string& scope : row.scope) {
    if (!std::exchange(first, false)) rest.add(" ");
    rest.add_plain(scope);
  }
  rest.add(R"(","realm":")");
  rest.add_plain(row.realm.str());
  rest.add(R"(","connection":")");
  rest.add_plain(public_id(row).str());
  if (!row.pair.empty()) {
    rest.add(R"(","pair":")");
    rest.add_plain(row.pair);
  }
  rest.add(R"("})");
}

bool may_read(const Caller& caller, const Connection& row) {
  if (reads_every_token(caller.policy)) return true;
  return authorise(caller, {.verb = Verb::token_read,
                            .registration = row.registration,
                            .tenant = row.tenant,
                            .connection = public_id(row)})
      .has_value();
}

// Takes the token straight into the answer.
class Answer final : public TokenTaker {
 public:
  Answer(const Caller& caller, Time now, std::string_view more_headers, AnswerRoom& room)
      : caller_{caller}, now_{now}, more_headers_{more_headers}, room_{room} {}

  std::span<char> room(const Connection& row, std::size_t size) override {
    if (!row.main.empty() || !may_read(caller_, row)) return {};  // of a further pair the trail says more
    Rest rest;
    write_rest(row, now_, rest);
    if (!rest.fits()) return {};
    constexpr std::string_view before = R"({"access_token":")";
    const auto body = room_.json(before.size() + size + rest.text().size(), more_headers_);
    std::memcpy(body.data(), before.data(), before.size());
    std::memcpy(body.data() + before.size() + size, rest.text().data(), rest.text().size());
    registration_ = row.registration.str();
    tenant_ = row.tenant.str();
    detail_.add("generation ");
    detail_.add(row.generation);
    return token_ = body.subspan(before.size(), size);
  }
  void opened(const TokenMark& mark) override { mark_ = mark; }

  // The token stands in the JSON as it is.
  [[nodiscard]] bool is_whole() const { return is_plain({token_.data(), token_.size()}); }
  [[nodiscard]] AuditNote note(std::string_view connection, std::string_view remote) const {
    return {.caller = caller_.id.str(),
            .action = "token.read",
            .result = "ok",
            .registration = registration_,
            .tenant = tenant_,
            .connection = connection,
            .fingerprint = mark_.text(),
            .detail = detail_.text(),
            .remote = remote};
  }

 private:
  const Caller& caller_;
  Time now_;
  std::string_view more_headers_;
  AnswerRoom& room_;
  std::span<char> token_;
  std::string registration_, tenant_;
  ShortText<40> detail_;
  TokenMark mark_;
};

}  // namespace

QuickToken::QuickToken(const ApiParts& parts, const ApiOptions& options)
    : parts_{parts},
      local_callers_{options.local_callers},
      more_headers_{options.public_url.starts_with("https://") ? "Strict-Transport-Security: max-age=31536000\r\n" : ""} {}

bool QuickToken::answer(const QuickRequest& request, const QuickPeer& peer, AnswerRoom& room) const {
  const std::string_view connection = connection_in(request.path);
  if (connection.empty()) return false;
  const auto wanted = read_request(request.query);
  if (!wanted) return false;
  std::shared_ptr<const Caller> caller;
  if (!request.authorization.empty()) {
    if (auto known = parts_.callers.authenticate_now(request.authorization)) caller = std::move(*known);
  } else if (peer.local) {
    if (auto known = local_callers_->authenticate(*peer.local)) caller = std::move(*known);
  }
  if (!caller || has_rate_limit(*caller) || !caller->ancestors.empty() || !parts_.audit.check_room()) return false;
  Answer answer{*caller, parts_.clock.now(), more_headers_, room};
  const bool taken = parts_.tokens.read_now(connection, *wanted, answer) == TakenNow::taken;
  if (taken && answer.is_whole() && parts_.audit.record(answer.note(connection, peer.remote))) return true;
  room.drop();
  return false;
}

}  // namespace evergrant
