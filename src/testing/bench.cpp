#include "evergrant/testing/bench.hpp"

#include "testing/bench_parts.hpp"

namespace evergrant::testing {
namespace {

constexpr int page_size = 100;
constexpr BenchClock::Duration furthest_advance{std::chrono::years{10}};

ConnectionState described(const Connection& row) {
  return {.id = row.id.str(),
          .tenant = row.tenant.str(),
          .realm = row.realm.str(),
          .status = std::string{to_string(row.status)},
          .reason = row.reason,
          .generation = row.generation,
          .failures = row.failure.count,
          .failure_code = row.failure.code,
          .access_expires_at = row.access_expires_at,
          .last_refreshed_at = row.last_refreshed_at};
}

}  // namespace

Bench::Bench(BenchOptions options) : parts_{std::make_unique<BenchParts>(std::move(options))} {}

Bench::~Bench() = default;

std::string Bench::url() const { return parts_->config.public_url; }

std::string Bench::api_key() const { return parts_->api_key; }

std::string Bench::connect(std::string_view tenant, std::string_view realm) {
  return parts_->loop.at_rest([&] { return parts_->connect(TenantId{tenant}, std::string{realm}); });
}

ConnectionState Bench::connection(std::string_view id) const {
  return parts_->loop.at_rest([&] { return described(parts_->row(id)); });
}

std::vector<ConnectionEvent> Bench::events(std::string_view connection) const {
  return parts_->loop.at_rest([&] {
    std::vector<ConnectionEvent> story;
    std::string cursor;
    while (true) {
      auto& executor = parts_->loop.executor();
      auto page = value_of(test::run(executor, parts_->sqlite->events({}, ConnectionId{connection}, cursor, page_size)));
      if (page.items.empty()) return story;
      for (auto& event : page.items) {
        story.push_back({.at = event.at,
                         .type = std::move(event.type),
                         .generation = event.generation,
                         .detail = std::move(event.detail),
                         .code = std::move(event.code)});
      }
      cursor = page.next;
    }
  });
}

BenchClock& Bench::clock() { return parts_->bench_clock; }
BenchProvider& Bench::provider() { return parts_->bench_provider; }
BenchStore& Bench::store() { return parts_->bench_store; }

void Bench::lose_power() {
  parts_->loop.at_rest([&] { parts_->lose_power(); });
}

void Bench::start_again() {
  parts_->loop.at_rest([&] { parts_->start_again(); });
}

bool Bench::running() const {
  return parts_->loop.at_rest([&] { return parts_->life != nullptr; });
}

BenchClock::Time BenchClock::now() const {
  return loop_.at_rest([&] { return loop_.clock().now(); });
}

void BenchClock::advance(Duration by) {
  if (by < Duration{0} || by > furthest_advance) throw BenchError("advance: none to ten years");
  loop_.at_rest([&] { loop_.executor().advance(by); });
}

void BenchClock::jump_for_waiting_requests(bool on) {
  loop_.at_rest([&] { loop_.jump_for_waiting_requests(on); });
}

}  // namespace evergrant::testing
