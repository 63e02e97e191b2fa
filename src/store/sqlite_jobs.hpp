// Who runs operations on SQLite: one writer with group commit, readers that never wait for it, or, inline, the caller.
// Private to store/. Thread-safe to submit to; jobs that are queued when a runner ends are carried out first.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_store.hpp"

namespace evergrant {

// One operation: run inside a transaction, answered once what it wrote is durable.
class Job {
 public:
  virtual ~Job() = default;
  // True if its effects are wanted (it has a value). SqliteError may leave it. Run again where its batch had to be undone.
  virtual bool run(Database& database) = 0;
  virtual void answer() = 0;
  virtual void answer(Error error) = 0;
};

template <class T>
class TypedJob final : public Job {
 public:
  using Body = std::move_only_function<Result<T>(Database&)>;
  TypedJob(Body body, Completion<Result<T>> done) : body_{std::move(body)}, done_{std::move(done)} {}

  bool run(Database& database) override {
    outcome_.emplace(body_(database));
    return outcome_->has_value();
  }
  void answer() override { done_.set(std::move(*outcome_)); }
  void answer(Error error) override { done_.set(std::unexpected(std::move(error))); }

 private:
  Body body_;
  Completion<Result<T>> done_;
  std::optional<Result<T>> outcome_;
};

using Jobs = std::vector<std::unique_ptr<Job>>;

class JobRunner {
 public:
  virtual ~JobRunner() = default;
  virtual void submit(std::unique_ptr<Job> job) = 0;
};

// Commits a batch in one transaction, in which a job that fails undoes itself only. Nothing is answered before the COMMIT;
// where that fails, all jobs get `store_unavailable`. Returns the COMMITs that succeeded.
int commit_batch(Database& database, Jobs batch);

// Counts what was done, and tells the listener after each COMMIT.
class CommitTally {
 public:
  explicit CommitTally(std::function<void(const SqliteStatistics&)> listener) : listener_{std::move(listener)} {}
  void add(Database& database, std::int64_t operations, int commits);

 private:
  const std::function<void(const SqliteStatistics&)> listener_;
  SqliteStatistics statistics_;
};

class SqliteWriter final : public JobRunner {
 public:
  SqliteWriter(std::unique_ptr<Database> database, std::size_t max_batch,
               std::function<void(const SqliteStatistics&)> after_commit);
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;
  ~SqliteWriter() override;
  void submit(std::unique_ptr<Job> job) override;

 private:
  void work();
  [[nodiscard]] Jobs take_batch();  // waits; empty: stopped and drained

  const std::unique_ptr<Database> database_;
  const std::size_t max_batch_;
  CommitTally tally_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

class SqliteReaders final : public JobRunner {
 public:
  explicit SqliteReaders(std::vector<std::unique_ptr<Database>> databases);
  SqliteReaders(const SqliteReaders&) = delete;
  SqliteReaders& operator=(const SqliteReaders&) = delete;
  ~SqliteReaders() override;
  void submit(std::unique_ptr<Job> job) override;

 private:
  void work(Database& database);

  const std::vector<std::unique_ptr<Database>> databases_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// Runs each job at once on the submitting thread, in a transaction of its own. Not thread-safe.
class SqliteInline final : public JobRunner {
 public:
  SqliteInline(std::unique_ptr<Database> database, std::function<void(const SqliteStatistics&)> after_commit);
  void submit(std::unique_ptr<Job> job) override;

 private:
  const std::unique_ptr<Database> database_;
  CommitTally tally_;
};

}  // namespace evergrant
