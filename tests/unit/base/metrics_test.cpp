#include "base/metrics.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace evergrant {
namespace {

TEST(Metrics, the_same_name_and_labels_are_the_same_counter) {
  Metrics metrics;
  metrics.counter("reads_total", "Reads", {{"from", "a"}}).increment();
  metrics.counter("reads_total", "ignored", {{"from", "a"}}).add(2);
  metrics.counter("reads_total", "Reads", {{"from", "b"}}).increment();
  EXPECT_EQ(metrics.counter("reads_total", "Reads", {{"from", "a"}}).value(), 3);
  EXPECT_EQ(metrics.counter("reads_total", "Reads", {{"from", "b"}}).value(), 1);
}

TEST(Metrics, what_many_threads_count_is_shown_whole_each_time) {
  Metrics metrics;
  auto& counter = metrics.counter("reads_total", "Reads");
  for (int round = 1; round <= 2; ++round) {
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          for (int n = 0; n < 1000; ++n) counter.increment();
        });
      }
    }
    const std::string line = "\nreads_total " + std::to_string(4000 * round) + "\n";
    EXPECT_TRUE(metrics.render().contains(line));
    EXPECT_TRUE(metrics.render().contains(line)) << "looking changes nothing";
  }
}

TEST(Metrics, are_rendered_as_prometheus_reads_them) {
  Metrics metrics;
  metrics.counter("reads_total", "Reads by outcome", {{"outcome", "ok"}}).increment();
  metrics.gauge("depth", "How deep").set(2.5);
  metrics.histogram("wait_seconds", "How long", {0.1, 1}).observe(0.5);
  const auto text = metrics.render();
  for (const auto* line :
       {"# HELP reads_total Reads by outcome\n", "# TYPE reads_total counter\n", "reads_total{outcome=\"ok\"} 1\n",
        "# TYPE depth gauge\n", "depth 2.5\n", "# TYPE wait_seconds histogram\n", "wait_seconds_count 1\n",
        "wait_seconds_bucket{le=\"0.1\"} 0\n", "wait_seconds_bucket{le=\"1\"} 1\n",
        "wait_seconds_bucket{le=\"+Inf\"} 1\n"}) {
    EXPECT_TRUE(text.contains(line)) << line << "is missing in\n" << text;
  }
}

TEST(Metrics, a_label_value_cannot_make_a_line) {
  Metrics metrics;
  metrics.counter("reads_total", "Reads", {{"from", "a\"} 1\nfake_total 9"}}).increment();
  EXPECT_FALSE(metrics.render().contains("\nfake_total"));
}

TEST(Metrics, a_gauge_shows_its_last_value) {
  Metrics metrics;
  auto& gauge = metrics.gauge("depth", "How deep");
  gauge.set(7);
  gauge.set(0);
  EXPECT_EQ(metrics.gauge("depth", "How deep").value(), 0);
}

}  // namespace
}  // namespace evergrant
