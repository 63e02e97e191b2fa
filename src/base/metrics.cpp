#include "base/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <utility>

#include "base/read_mostly_mutex.hpp"

namespace evergrant {
namespace {

// Counted apart on each processor, since every read of a token is counted, and added up when somebody looks.
class LiveCounter final : public Metrics::Counter {
 public:
  explicit LiveCounter(prometheus::Counter& counter) : counter_{counter} {}
  void add(double by) override {
    parts_.at(ReadMostlyMutex::nearest_stripe(parts_.size())).count.fetch_add(by, std::memory_order_relaxed);
  }
  [[nodiscard]] double value() const override {
    double sum = 0;
    for (const Part& part : parts_) sum += part.count.load(std::memory_order_relaxed);
    return sum;
  }
  // One thread at a time.
  void show() {
    const double sum = value();
    if (sum > shown_) counter_.Increment(sum - shown_);
    shown_ = std::max(sum, shown_);
  }

 private:
  struct alignas(64) Part {
    std::atomic<double> count = 0;
  };
  prometheus::Counter& counter_;
  std::array<Part, 16> parts_;
  double shown_ = 0;
};

class LiveGauge final : public Metrics::Gauge {
 public:
  explicit LiveGauge(prometheus::Gauge& gauge) : gauge_{gauge} {}
  void set(double value) override { gauge_.Set(value); }
  [[nodiscard]] double value() const override { return gauge_.Value(); }

 private:
  prometheus::Gauge& gauge_;
};

class LiveHistogram final : public Metrics::Histogram {
 public:
  explicit LiveHistogram(prometheus::Histogram& histogram) : histogram_{histogram} {}
  void observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

}  // namespace

struct Metrics::Registry {
  using Key = std::pair<std::string, Labels>;
  prometheus::Registry registry;
  std::mutex mutex;
  std::map<Key, std::unique_ptr<LiveCounter>> counters;
  std::map<Key, std::unique_ptr<Gauge>> gauges;
  std::map<Key, std::unique_ptr<Histogram>> histograms;
};

Metrics::Metrics() : registry_{std::make_unique<Registry>()} {}
Metrics::~Metrics() = default;

Metrics::Counter& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  const std::lock_guard lock{registry_->mutex};
  auto& slot = registry_->counters[{std::string{name}, labels}];
  if (!slot) {
    auto& family = prometheus::BuildCounter().Name(std::string{name}).Help(std::string{help}).Register(registry_->registry);
    slot = std::make_unique<LiveCounter>(family.Add(labels));
  }
  return *slot;
}

Metrics::Gauge& Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  const std::lock_guard lock{registry_->mutex};
  auto& slot = registry_->gauges[{std::string{name}, labels}];
  if (!slot) {
    auto& family = prometheus::BuildGauge().Name(std::string{name}).Help(std::string{help}).Register(registry_->registry);
    slot = std::make_unique<LiveGauge>(family.Add(labels));
  }
  return *slot;
}

Metrics::Histogram& Metrics::histogram(std::string_view name, std::string_view help, const std::vector<double>& buckets,
                                       const Labels& labels) {
  const std::lock_guard lock{registry_->mutex};
  auto& slot = registry_->histograms[{std::string{name}, labels}];
  if (!slot) {
    auto& family =
        prometheus::BuildHistogram().Name(std::string{name}).Help(std::string{help}).Register(registry_->registry);
    slot = std::make_unique<LiveHistogram>(family.Add(labels, buckets));
  }
  return *slot;
}

std::string Metrics::render() const {
  const std::lock_guard lock{registry_->mutex};
  for (const auto& [key, counter] : registry_->counters) counter->show();
  return prometheus::TextSerializer{}.Serialize(registry_->registry.Collect());
}

}  // namespace evergrant
