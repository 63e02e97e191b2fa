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

bool is_id(std::string_view text) {
  return none_is(text, [](ByteBlock letters) {
    const auto known = ((letters >= 'a') & (letters <= 'z')) | ((letters >= '0') & (letters <= '9')) | (letters == '_');
    return ~known;
  });
}

// The connection's id in the path; empty: another path.
std::string_view connection_in(std::string_view path) {
  constexpr std::string_view before = "/v1/connections/";
  constexpr std::string_view behind = "/token";
  if (path.size() != before.size() + id_length + behind.size()) return {};
  if (!path.starts_with(before) || !path.ends_with(behind)) return {};
  const auto id = path.substr(before.size(), id_length);
  return id.starts_with("con_") && is_id(id) ? id : std::string_view{};
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

// Digits, or a word and digits (forty letters, which nothing here comes near), put together without an allocation.
class ShortText {
 public:
  explicit ShortText(std::string_view before = {}) { add(before); }
  void add(std::int64_t number) {
    size_ = static_cast<std::size_t>(std::to_chars(room_.data() + size_, room_.data() + room_.size(), number).ptr -
                                     room_.data());
  }
  [[nodiscard]] std::string_view text() const noexcept { return {room_.data(), size_}; }

 private:
  void add(std::string_view text) {
    text.copy(room_.data(), text.size());
    size_ = text.size();
  }
  std::array<char, 40> room_{};
  std::size_t size_ = 0;
};

constexpr std::size_t longest_caption = 8192;  // it stays in memory

// What is kept beside a token: under which number the trail counts its readers, and of the answer's body what stands behind
// the token, but for the seconds that are left.
struct Caption {
  std::uint64_t subject = 0;
  std::string_view head, tail;
};

// As one text: the number, the length of the head, and both.
std::string caption_text(std::uint64_t subject, std::string_view head, std::string_view tail) {
  const std::uint64_t head_size = head.size();
  std::string text(sizeof subject + sizeof head_size, '\0');
  std::memcpy(text.data(), &subject, sizeof subject);
  std::memcpy(text.data() + sizeof subject, &head_size, sizeof head_size);
  return text.append(head).append(tail);
}

// Nothing: there is no text.
std::optional<Caption> read_caption(std::string_view text) {
  Caption caption;
  std::uint64_t head_size = 0;
  if (text.empty()) return std::nullopt;
  std::memcpy(&caption.subject, text.data(), sizeof caption.subject);
  std::memcpy(&head_size, text.data() + sizeof caption.subject, sizeof head_size);
  text.remove_prefix(sizeof caption.subject + sizeof head_size);
  caption.head = text.substr(0, head_size);
  caption.tail = text.substr(head_size);
  return caption;
}

// Empty: something of it does not stand in JSON as it is, or it is long. As token_body writes it (json_body.cpp); a test
// compares them.
std::string caption_of(const Connection& row, std::uint64_t subject) {
  const std::string& id = public_id(row).str();
  std::string head, tail;
  head.append(R"(","token_type":")").append(row.token_type);
  if (row.access_expires_at) {
    head.append(R"(","expires_at":")").append(to_rfc3339(*row.access_expires_at)).append(R"(","expires_in":)");
  } else {
    head.append(R"(","expires_at":null,"expires_in":null)");
  }
  tail.append(R"(,"generation":)").append(std::to_string(row.generation)).append(R"(,"scope":")");
  bool plain =
      stands_in_json(row.token_type) && stands_in_json(row.realm.str()) && stands_in_json(id) && stands_in_json(row.pair);
  for (const std::string& scope : row.scope) {
    if (&scope != &row.scope.front()) tail += ' ';
    tail.append(scope);
    plain = plain && stands_in_json(scope);
  }
  tail.append(R"(","realm":")").append(row.realm.str()).append(R"(","connection":")").append(id);
  if (!row.pair.empty()) tail.append(R"(","pair":")").append(row.pair);
  tail.append(R"("})");
  return plain && head.size() + tail.size() <= longest_caption ? caption_text(subject, head, tail) : std::string{};
}

bool may_read(const Caller& caller, const Connection& row) {
  if (reads_every_token(caller.policy)) return true;
  return authorise(caller, {.verb = Verb::token_read,
                            .registration = row.registration,
                            .tenant = row.tenant,
                            .connection = public_id(row)})
      .has_value();
}

// Takes the token straight into the answer, and writes the audit trail's entry.
class Answer final : public TokenTaker {
 public:
  struct Asked {
    std::string_view connection;
    std::string_view authorization;
    const QuickPeer& peer;
    Time now;
  };
  Answer(const Asked& asked, const ApiParts& parts, const LocalCallers& local_callers, std::string_view more_headers,
         AnswerRoom& room)
      : asked_{asked},
        parts_{parts},
        audit_{parts.audit},
        local_callers_{local_callers},
        more_headers_{more_headers},
        room_{room} {}

  // Who is not known at once, or has limits, is for the other way.
  bool admit() override {
    if (!asked_.authorization.empty()) {
      if (auto known = parts_.callers.authenticate_now(asked_.authorization, asked_.now)) caller_ = std::move(*known);
    } else if (asked_.peer.local) {
      if (auto known = local_callers_.authenticate(*asked_.peer.local)) caller_ = std::move(*known);
    }
    return caller_ && !has_rate_limit(*caller_) && caller_->ancestors.empty() && audit_.check_room();
  }

  std::span<char> room(const Connection& row, const OnceText& caption, std::size_t size) override {
    if (!row.main.empty() || !may_read(*caller_, row)) return {};  // of a further pair the trail says more
    const auto known = read_caption(caption.get([&] { return caption_of(row, audit_.new_subject()); }));
    if (!known) return {};
    const auto& [subject, head, tail] = *known;
    subject_ = subject;
    ShortText left;
    if (row.access_expires_at) left.add((*row.access_expires_at - asked_.now).count() / 1000);
    constexpr std::string_view before = R"({"access_token":")";
    const auto body = room_.json(before.size() + size + head.size() + left.text().size() + tail.size(), more_headers_);
    char* out = body.data() + before.copy(body.data(), before.size()) + size;
    for (const std::string_view piece : {head, left.text(), tail}) out += piece.copy(out, piece.size());
    return body.subspan(before.size(), size);
  }

  void opened(const Connection& row, const TokenMark& mark) override {
    if (!mark.stands_in_json() || !mark.is_there()) return;  // without a fingerprint it is not known for good
    const AuditRepeat repeat{.subject = subject_, .caller = caller_->id.str(), .remote = asked_.peer.remote};
    complete_ = audit_.record_again(repeat, asked_.now) || record(row, mark, repeat);
  }

  // The answer stands in JSON as it is, and is in the trail.
  [[nodiscard]] bool is_complete() const noexcept { return complete_; }

 private:
  bool record(const Connection& row, const TokenMark& mark, const AuditRepeat& repeat) {
    ShortText detail{"generation "};
    detail.add(row.generation);
    const std::string fingerprint = mark.fingerprint();
    const AuditNote note{.caller = repeat.caller,
                         .action = "token.read",
                         .result = "ok",
                         .registration = row.registration.str(),
                         .tenant = row.tenant.str(),
                         .connection = asked_.connection,
                         .fingerprint = fingerprint,
                         .detail = detail.text(),
                         .remote = repeat.remote};
    return audit_.record(repeat, note, asked_.now).has_value();
  }

  const Asked& asked_;
  const ApiParts& parts_;
  Audit& audit_;
  const LocalCallers& local_callers_;
  std::string_view more_headers_;
  AnswerRoom& room_;
  std::shared_ptr<const Caller> caller_;
  std::uint64_t subject_ = 0;
  bool complete_ = false;
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
  const Answer::Asked asked{
      .connection = connection, .authorization = request.authorization, .peer = peer, .now = parts_.clock.now()};
  Answer answer{asked, parts_, *local_callers_, more_headers_, room};
  if (parts_.tokens.read_now(connection, *wanted, asked.now, answer) == TakenNow::taken && answer.is_complete()) return true;
  room.drop();
  return false;
}

}  // namespace evergrant
