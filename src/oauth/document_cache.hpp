// Documents of providers (metadata, key sets), kept parsed. One fetch at a time for each document, whoever asks; a fetch
// belongs to no caller. Lives on one executor and has no locks; it must outlive what it spawned there (the engine).
// Errors: provider_unavailable (nothing usable could be fetched, and nothing is kept), and those of the parser.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/task.hpp"
#include "net/http.hpp"

namespace evergrant {

struct CacheRules {
  Duration shortest{std::chrono::minutes{5}};            // a document is used at least this long …
  Duration longest{std::chrono::hours{24}};              // … and at most this long, whatever its Cache-Control says
  Duration usual{std::chrono::hours{1}};                 // where it does not say
  Duration kept_after_failure{std::chrono::hours{24}};   // how long a stale one serves while the provider fails
  Duration between_refetches{std::chrono::seconds{60}};  // at most one fetch out of turn in this time
  Duration between_failures{std::chrono::seconds{30}};   // after a failure, nothing is asked for this long
  Duration timeout{std::chrono::seconds{10}};
  std::size_t max_size = std::size_t{512} * 1024;
};

// How long an answer may be used, by its Cache-Control and these bounds.
[[nodiscard]] Duration lifetime_of(const Headers& headers, const CacheRules& rules);

// One GET; 200 or an error. Errors: provider_unavailable.
Task<Result<HttpResponse>> fetch_document(HttpTransport& transport, OutboundRequest request);

struct DocumentSource {
  std::vector<std::string> urls;  // tried in order until one gives a document that parses
  bool optional = false;          // who asks can do without: after a failure nobody waits for the next attempt
  AddressRule address_rule = AddressRule::configured;
  bool allow_loopback_http = false;
};

template <class T>
class DocumentCache {
 public:
  using Shared = std::shared_ptr<const T>;
  using Answer = Result<Shared>;
  using Parse = std::function<Result<T>(std::string_view body)>;
  // Judges each document that was fetched; `before` is null for the first. Where it refuses, the one before stays.
  using Arrived = std::function<Result<>(const T* before, T& now)>;

  DocumentCache(HttpTransport& transport, const Clock& clock, CacheRules rules)
      : transport_{transport}, clock_{clock}, rules_{rules} {}
  DocumentCache(const DocumentCache&) = delete;
  DocumentCache& operator=(const DocumentCache&) = delete;

  // `key` names the document and everything that its parsing depends on. With `refetch`, a document that is still fresh is
  // fetched again all the same, unless that was done a moment ago.
  Task<Answer> get(std::string key, DocumentSource source, Parse parse, Arrived arrived, bool refetch) {
    if (!is_due(entries_[key], refetch) || (!refetch && can_wait(entries_[key], source.optional))) {
      if (is_due_behind(entries_[key], source.optional))
        fly_behind(co_await current_executor(), key, source, parse, arrived);
      co_return kept(entries_[key]);
    }
    Executor& executor = co_await current_executor();
    Completion<Answer> done;
    Entry& entry = entries_[key];
    entry.waiting.push_back(done);
    if (!std::exchange(entry.in_flight, true)) {
      if (refetch) entry.refetched_at = clock_.now();
      // Ends with the answer, at the latest at the request's own timeout for each URL.
      spawn(executor, fly(std::move(key), std::move(source), std::move(parse), std::move(arrived)));
    }
    Answer answer = co_await done;
    co_return answer;
  }

 private:
  struct Entry {
    Shared value;
    Time fetched_at;
    Time fresh_until;
    Time renew_from;  // from here on whoever reads it has the next one fetched, and waits for nothing
    std::optional<Time> refetched_at;
    std::optional<Time> failed_at;
    Error failure;
    bool in_flight = false;
    std::vector<Completion<Answer>> waiting;
  };
  struct Fetched {
    T value;
    Duration lifetime;
  };

  [[nodiscard]] bool passed(const std::optional<Time>& since, Duration time) const {
    return !since || clock_.now() - *since >= time || clock_.now() < *since;
  }

  // A clock that was set back since makes nothing fresh for longer.
  [[nodiscard]] bool is_fresh(const Entry& entry) const {
    const Time now = clock_.now();
    return entry.value != nullptr && now >= entry.fetched_at && now < entry.fresh_until;
  }

  // The provider failed last time, and there is something to go on with: the next attempt is made behind.
  [[nodiscard]] bool can_wait(const Entry& entry, bool optional) const {
    return entry.failed_at.has_value() && (optional || kept(entry).has_value());
  }

  [[nodiscard]] bool is_due(const Entry& entry, bool refetch) const {
    const bool fresh = is_fresh(entry);
    if (fresh && !refetch) return false;
    if (entry.in_flight) return true;
    if (!passed(entry.failed_at, rules_.between_failures)) return false;
    return !fresh || passed(entry.refetched_at, rules_.between_refetches);
  }

  [[nodiscard]] bool is_due_behind(const Entry& entry, bool optional) const {
    const bool wanted = entry.value != nullptr ? clock_.now() >= entry.renew_from || !is_fresh(entry) : optional;
    return wanted && !entry.in_flight && passed(entry.failed_at, rules_.between_failures);
  }

  void fly_behind(Executor& executor, const std::string& key, DocumentSource source, Parse parse, Arrived arrived) {
    if (std::exchange(entries_[key].in_flight, true)) return;
    // Ends with the answer, as below.
    spawn(executor, fly(key, std::move(source), std::move(parse), std::move(arrived)));
  }

  // What there is without asking. A stale document is better than none for a while (JWK-06).
  [[nodiscard]] Answer kept(const Entry& entry) const {
    if (entry.value != nullptr && clock_.now() < entry.fresh_until + rules_.kept_after_failure) return entry.value;
    return std::unexpected(entry.failure);
  }

  Task<void> fly(std::string key, DocumentSource source, Parse parse, Arrived arrived) {
    Result<Fetched> fetched = fail(Errc::internal, "fetching a provider's document failed unexpectedly");
    try {
      fetched = co_await fetch_first(std::move(source), std::move(parse));
      if (fetched) {
        const auto judged = arrived(entries_[key].value.get(), fetched->value);
        if (!judged) fetched = std::unexpected(judged.error());
      }
    } catch (const std::exception&) {
      fetched = fail(Errc::internal, "fetching a provider's document failed unexpectedly");
    }
    land(entries_[key], std::move(fetched));
  }

  void land(Entry& entry, Result<Fetched> fetched) {
    entry.in_flight = false;
    if (fetched) {
      entry.value = std::make_shared<const T>(std::move(fetched->value));
      entry.fetched_at = clock_.now();
      entry.fresh_until = entry.fetched_at + fetched->lifetime;
      entry.renew_from = entry.fresh_until - fetched->lifetime / 5;
      entry.failed_at.reset();
    } else {
      entry.failed_at = clock_.now();
      entry.failure = std::move(fetched.error());
    }
    const Answer answer = kept(entry);
    for (const auto& waiter : std::exchange(entry.waiting, {})) waiter.set(answer);
  }

  Task<Result<Fetched>> fetch_first(DocumentSource source, Parse parse) {
    Error failure{Errc::provider_unavailable, "there is no URL to fetch the provider's document from", {}};
    for (const std::string& url : source.urls) {
      Result<Fetched> fetched = co_await fetch(url, source, parse);
      if (fetched) co_return fetched;
      // What a document says is worth more than that there is none at the next place.
      if (failure.code != Errc::provider_rejected) failure = fetched.error();
    }
    co_return std::unexpected(std::move(failure));
  }

  Task<Result<Fetched>> fetch(std::string url, DocumentSource source, Parse parse) {
    OutboundRequest request;
    request.url = url;
    request.headers.add("Accept", "application/json");
    request.timeout = rules_.timeout;
    request.max_body = rules_.max_size;
    request.address_rule = source.address_rule;
    request.allow_loopback_http = source.allow_loopback_http;
    const auto response = co_await fetch_document(transport_, std::move(request));
    if (!response) co_return std::unexpected(response.error());
    auto value = parse(response->body);
    if (!value) co_return fail(Errc::provider_rejected, url + ": " + value.error().message, value.error().hint);
    co_return Fetched{std::move(*value), lifetime_of(response->headers, rules_)};
  }

  HttpTransport& transport_;
  const Clock& clock_;
  CacheRules rules_;
  std::map<std::string, Entry> entries_;
};

}  // namespace evergrant
