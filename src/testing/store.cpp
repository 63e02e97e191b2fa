#include "evergrant/testing/store.hpp"

#include "testing/bench_parts.hpp"

namespace evergrant::testing {

void BenchStore::refuse_writes() {
  parts_.loop.at_rest([&] { parts_.plan.refuse_writes(); });
}

void BenchStore::refuse_writes_from(StoreStep step) {
  parts_.loop.at_rest([&] { parts_.plan.refuse_writes_from(step); });
}

void BenchStore::go_away() {
  parts_.loop.at_rest([&] { parts_.plan.go_away(); });
}

void BenchStore::fail_next(StoreStep step, int times) {
  parts_.loop.at_rest([&] { parts_.plan.fail_next(step, times); });
}

void BenchStore::lose_next_answer(StoreStep step, int times) {
  parts_.loop.at_rest([&] { parts_.plan.lose_next_answer(step, times); });
}

void BenchStore::lose_power_before(StoreStep step) {
  parts_.loop.at_rest([&] { parts_.plan.lose_power(step, StoreMoment::before); });
}

void BenchStore::lose_power_after(StoreStep step) {
  parts_.loop.at_rest([&] { parts_.plan.lose_power(step, StoreMoment::after); });
}

void BenchStore::work_again() {
  parts_.loop.at_rest([&] { parts_.plan.clear(); });
}

int BenchStore::calls(StoreStep step) const {
  return parts_.loop.at_rest([&] { return parts_.plan.calls(step); });
}

int BenchStore::answers_kept_aside() const {
  return parts_.loop.at_rest([&] { return static_cast<int>(parts_.escrow.answers.size()); });
}

}  // namespace evergrant::testing
