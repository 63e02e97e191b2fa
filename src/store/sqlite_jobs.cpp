#include "store/sqlite_jobs.hpp"

#include <algorithm>
#include <iterator>

#include "base/thread_name.hpp"
#include "store/sqlite_restored.hpp"

namespace evergrant {

namespace {

Error internal_error(const std::exception& error) {
  return Error{Errc::internal, std::string{"A store operation failed unexpectedly: "} + error.what(), "Report this."};
}

void roll_back(Database& database) {
  if (!database.in_transaction()) return;
  try {
    database.execute("ROLLBACK");
  } catch (const SqliteError&) {  // NOLINT(bugprone-empty-catch)
    // SQLite has rolled back by itself (disk full, I/O error); there is nothing left to undo.
  }
}

std::optional<Error> try_statement(Database& database, std::string_view sql) {
  try {
    database.execute(sql);
    return std::nullopt;
  } catch (const SqliteError& error) {
    return to_error(error, database.path());
  }
}

// What to answer if that is not the job's own outcome, and whether its effects are wanted.
struct JobOutcome {
  std::optional<Error> failure;
  bool keep = false;
};
JobOutcome run_job(Database& database, Job& job) {
  JobOutcome outcome;
  try {
    outcome.keep = job.run(database);
  } catch (const SqliteError& error) {
    outcome.failure = to_error(error, database.path());
  } catch (const std::exception& error) {
    outcome.failure = internal_error(error);
  }
  return outcome;
}

// An error undoes the job's effects, and no others.
JobOutcome run_in_savepoint(Database& database, Job& job) {
  if (auto error = try_statement(database, "SAVEPOINT job")) return {.failure = std::move(error)};
  JobOutcome outcome = run_job(database, job);
  if (!database.in_transaction()) return outcome;
  if (!outcome.keep) {
    if (auto error = try_statement(database, "ROLLBACK TO job"); error && !outcome.failure) outcome.failure = error;
  }
  if (auto error = try_statement(database, "RELEASE job"); error && !outcome.failure) outcome.failure = error;
  return outcome;
}

void fail_all(Jobs& jobs, const Error& error) {
  for (const auto& job : jobs) job->answer(error);
  jobs.clear();
}

// Best effort: a reader in an old transaction, or another process, may keep the log as it is until the next time.
void truncate_log(Database& database) {
  try {
    Statement statement = database.query("PRAGMA wal_checkpoint(TRUNCATE)");
    while (statement.step()) {
    }
  } catch (const SqliteError&) {  // NOLINT(bugprone-empty-catch)
  }
}

// Ends the transaction and answers what waited for it.
bool commit(Database& database, Jobs& pending) {
  const auto error = try_statement(database, "COMMIT");
  if (error) {
    roll_back(database);
    fail_all(pending, *error);
    return false;
  }
  if (database.take_checkpoint_wish()) truncate_log(database);
  for (const auto& job : pending) job->answer();
  pending.clear();
  return true;
}

constexpr std::string_view lost_transaction = "The store lost the transaction of this operation: another one in it failed.";

// The whole batch without savepoints, which cost a copy of every page that a job changes. Nothing: a job failed after it had
// changed something, so all is undone and nobody is answered.
std::optional<int> commit_plainly(Database& database, Jobs& batch) {
  if (const auto error = try_statement(database, "BEGIN IMMEDIATE")) {
    fail_all(batch, *error);
    return 0;
  }
  std::vector<std::optional<Error>> failures;
  failures.reserve(batch.size());
  for (const auto& job : batch) {
    const auto before = database.total_changes();
    JobOutcome outcome = run_job(database, *job);
    const bool is_intact = database.in_transaction() && (outcome.keep || database.total_changes() == before);
    if (!is_intact) {
      roll_back(database);
      (void)database.take_checkpoint_wish();
      return std::nullopt;
    }
    failures.push_back(std::move(outcome.failure));
  }
  if (const auto error = try_statement(database, "COMMIT")) {
    roll_back(database);
    fail_all(batch, *error);
    return 0;
  }
  if (database.take_checkpoint_wish()) truncate_log(database);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (failures[i]) {
      batch[i]->answer(std::move(*failures[i]));
    } else {
      batch[i]->answer();
    }
  }
  return 1;
}

// Each job in a savepoint, and on in another transaction where SQLite gives one up.
int commit_carefully(Database& database, Jobs batch) {
  int commits = 0;
  Jobs pending;  // run, not yet durable
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!database.in_transaction()) {
      if (const auto error = try_statement(database, "BEGIN IMMEDIATE")) {
        Jobs rest{std::make_move_iterator(batch.begin() + static_cast<std::ptrdiff_t>(i)),
                  std::make_move_iterator(batch.end())};
        fail_all(rest, *error);
        return commits;
      }
    }
    auto outcome = run_in_savepoint(database, *batch[i]);
    if (!database.in_transaction()) {  // SQLite rolled everything back: nothing of this transaction happened
      fail_all(pending, Error{Errc::store_unavailable, std::string{lost_transaction}, "Try again."});
      batch[i]->answer(
          outcome.failure.value_or(Error{Errc::store_unavailable, std::string{lost_transaction}, "Try again."}));
    } else if (outcome.failure) {
      batch[i]->answer(std::move(*outcome.failure));
    } else {
      pending.push_back(std::move(batch[i]));
    }
  }
  if (database.in_transaction() && commit(database, pending)) ++commits;
  return commits;
}

std::optional<Error> refusal_of(Database& database) {
  if (database.has_moved()) {
    return Error{Errc::store_unavailable,
                 "The store " + database.path() + " was moved, replaced or deleted while it is in use.",
                 "Put that file back where it was; where it is gone for good, restore a backup and restart."};
  }
  if (database.is_refused()) {
    return Error{Errc::store_unavailable, "The store " + database.path() + " is damaged: nothing more is written.",
                 "Stop the service, keep the file for examination and restore the latest backup."};
  }
  return std::nullopt;
}

}  // namespace

int commit_batch(Database& database, Jobs batch) {
  if (const auto refused = refusal_of(database)) {
    fail_all(batch, *refused);
    return 0;
  }
  if (const auto commits = commit_plainly(database, batch)) return *commits;
  return commit_carefully(database, std::move(batch));
}

void CommitTally::add(Database& database, std::int64_t operations, int commits) {
  statistics_.operations += operations;
  statistics_.transactions += commits;
  if (commits == 0 || !listener_) return;
  try {
    statistics_.last_event = last_event_of(database);
  } catch (const SqliteError&) {  // NOLINT(bugprone-empty-catch)
    // What it was before is true too.
  }
  listener_(statistics_);
}

SqliteWriter::SqliteWriter(std::unique_ptr<Database> database, std::size_t max_batch,
                           std::function<void(const SqliteStatistics&)> after_commit)
    : database_{std::move(database)},
      max_batch_{std::max<std::size_t>(max_batch, 1)},
      tally_{std::move(after_commit)},
      thread_{[this] { work(); }} {}

SqliteWriter::~SqliteWriter() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void SqliteWriter::submit(std::unique_ptr<Job> job) {
  const std::lock_guard lock{mutex_};
  queue_.push_back(std::move(job));
  wake_.notify_one();
}

Jobs SqliteWriter::take_batch() {
  std::unique_lock lock{mutex_};
  wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (queue_.size() < max_batch_ && !stopping_) {  // others on this core have more to bring: one commit carries it all
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
  }
  const auto size = static_cast<std::ptrdiff_t>(std::min(queue_.size(), max_batch_));
  Jobs batch{std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.begin() + size)};
  queue_.erase(queue_.begin(), queue_.begin() + size);
  return batch;
}

void SqliteWriter::work() {
  name_this_thread("eg-store-writer");
  for (Jobs batch = take_batch(); !batch.empty(); batch = take_batch()) {
    const auto operations = static_cast<std::int64_t>(batch.size());
    const int commits = commit_batch(*database_, std::move(batch));
    tally_.add(*database_, operations, commits);
  }
}

SqliteReaders::SqliteReaders(std::vector<std::unique_ptr<Database>> databases) : databases_{std::move(databases)} {
  for (const auto& database : databases_) threads_.emplace_back([this, &database = *database] { work(database); });
}

SqliteReaders::~SqliteReaders() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void SqliteReaders::submit(std::unique_ptr<Job> job) {
  const std::lock_guard lock{mutex_};
  queue_.push_back(std::move(job));
  wake_.notify_one();
}

namespace {

void read_in_transaction(Database& database, Job& job) {
  std::optional<Error> failure;
  try {
    database.execute("BEGIN");  // one snapshot for operations of several statements
    (void)job.run(database);
  } catch (const SqliteError& error) {
    failure = to_error(error, database.path());
  } catch (const std::exception& error) {
    failure = internal_error(error);
  }
  roll_back(database);
  if (failure) {
    job.answer(std::move(*failure));
  } else {
    job.answer();
  }
}

}  // namespace

void SqliteReaders::work(Database& database) {
  name_this_thread("eg-store-reader");
  for (;;) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock lock{mutex_};
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    read_in_transaction(database, *job);
  }
}

SqliteInline::SqliteInline(std::unique_ptr<Database> database, std::function<void(const SqliteStatistics&)> after_commit)
    : database_{std::move(database)}, tally_{std::move(after_commit)} {}

void SqliteInline::submit(std::unique_ptr<Job> job) {
  Jobs batch;
  batch.push_back(std::move(job));
  const int commits = commit_batch(*database_, std::move(batch));
  tally_.add(*database_, 1, commits);
}

}  // namespace evergrant
