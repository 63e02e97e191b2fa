#include "store/escrow_file.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/executor.hpp"
#include "store/escrow_frames.hpp"
#include "store/escrow_places.hpp"
#include "store/private_file.hpp"

namespace evergrant {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t head_bytes = escrow_head_bytes;

std::string frames_of(const std::vector<EscrowedAnswer>& answers) {
  std::string frames;
  for (const EscrowedAnswer& answer : answers) frames += answer_frame(answer);
  return frames;
}

class FileEscrow final : public Escrow {
 public:
  FileEscrow(EscrowOptions options, PrivateFile file, const Log& log)
      : options_{std::move(options)}, file_{std::move(file)}, log_{log} {
    if (!options_.inline_execution) thread_ = std::thread{[this] { disk_.run(); }};
  }
  ~FileEscrow() override {
    disk_.stop();
    if (thread_.joinable()) thread_.join();
  }
  FileEscrow(const FileEscrow&) = delete;
  FileEscrow& operator=(const FileEscrow&) = delete;

  // Before anything else; blocking.
  Result<> load() {
    auto content = file_.read_all();
    if (!content) return std::unexpected(content.error());
    const bool fresh = content->empty();
    if (const auto owner = escrow_owner(*content); !owner.empty()) dead_owners_.push_back(owner);
    const auto reading = examine(file_, *content);
    if (!reading) return std::unexpected(reading.error());
    pending_ = reading->pending;
    if (auto headed = file_.write_at(0, escrow_head(options_.owner)); !headed) return headed;
    end_ = std::max<std::int64_t>(head_bytes, static_cast<std::int64_t>(reading->end));
    if (auto cut = static_cast<std::size_t>(end_) < content->size() ? file_.truncate(end_) : Result<>{}; !cut) return cut;
    // Into the file first: the next compaction is prepared where they lie.
    for (const EscrowedAnswer& answer : interrupted(file_.path())) {
      if (auto stored = store(answer); !stored) return stored;
    }
    if (auto compacted = compact_loaded(!reading->damage.empty()); !compacted) return compacted;
    if (!fresh) return {};
    return sync_folder(file_.path().parent_path());
  }

  bool reserve() override {
    const std::lock_guard lock{mutex_};
    const auto wanted = static_cast<std::int64_t>(reservations_ + 1) * options_.room_for_one;
    if (options_.capacity > 0 && end_ + wanted > options_.capacity) return false;
    ++reservations_;
    return true;
  }
  void release() override {
    const std::lock_guard lock{mutex_};
    --reservations_;
  }

  Task<Result<>> put(EscrowedAnswer answer) override {
    return on_disk([this, answer = std::move(answer)] { return store(answer); });
  }
  Task<Result<>> remove(AttemptId attempt) override {
    return on_disk([this, attempt = std::move(attempt)] { return erase(attempt); });
  }
  Task<Result<>> set_aside(AttemptId attempt) override {
    return on_disk([this, attempt = std::move(attempt)] { return move_aside(attempt); });
  }
  Task<Result<std::vector<std::string>>> adopt() override {
    auto adopted = co_await on_disk([this] { return adopt_all(); });
    if (!adopted) co_return std::unexpected(adopted.error());
    const std::lock_guard lock{mutex_};
    co_return dead_owners_;
  }
  void settled(const std::string& owner) override {
    const std::lock_guard lock{mutex_};
    std::erase(dead_owners_, owner);
  }

  [[nodiscard]] std::vector<EscrowedAnswer> pending() const override {
    const std::lock_guard lock{mutex_};
    return pending_;
  }
  [[nodiscard]] bool holds(const ConnectionId& connection) const override {
    const std::lock_guard lock{mutex_};
    return std::ranges::find(pending_, connection, &EscrowedAnswer::connection) != pending_.end();
  }
  [[nodiscard]] EscrowStatus status() const override {
    const std::lock_guard lock{mutex_};
    return {.answers = pending_.size(),
            .bytes = end_,
            .capacity = options_.capacity,
            .damaged = damaged_,
            .reservations = reservations_};
  }

 private:
  using Work = std::move_only_function<Result<>()>;
  static Task<Result<>> perform(Work work) { co_return work(); }
  Task<Result<>> on_disk(Work work) {
    return options_.inline_execution ? perform(std::move(work)) : run_on(disk_, perform(std::move(work)));
  }

  // --- on the disk thread ---

  Result<> store(const EscrowedAnswer& answer) {
    if (knows(answer.attempt)) return {};
    if (auto appended = append(answer_frame(answer)); !appended) return appended;
    const std::lock_guard lock{mutex_};
    pending_.push_back(answer);
    return {};
  }

  Result<> erase(const AttemptId& attempt) {
    if (!knows(attempt)) return {};
    if (auto appended = append(done_frame(attempt)); !appended) return appended;
    std::int64_t live = head_bytes;
    {
      const std::lock_guard lock{mutex_};
      std::erase_if(pending_, [&](const EscrowedAnswer& one) { return one.attempt == attempt; });
      for (const auto& one : pending_) live += static_cast<std::int64_t>(one.answer.bytes.size());
    }
    if (live > head_bytes && (end_ < options_.capacity / 2 || live > end_ / 2)) return {};
    // It is done already; that the file does not become shorter is no failure of this call.
    if (auto rewritten = rewrite(); !rewritten) log_.warning("escrow_not_compacted", {{"why", rewritten.error().message}});
    return {};
  }

  Result<> move_aside(const AttemptId& attempt) {
    const auto answers = pending();
    const auto found = std::ranges::find(answers, attempt, &EscrowedAnswer::attempt);
    if (found == answers.end()) return {};
    if (auto kept = keep_aside(file_.path(), answer_frame(*found)); !kept) return kept;
    if (auto erased = erase(attempt); !erased) return erased;
    const std::lock_guard lock{mutex_};
    ++damaged_;
    return {};
  }

  [[nodiscard]] bool knows(const AttemptId& attempt) const {
    const std::lock_guard lock{mutex_};
    return std::ranges::find(pending_, attempt, &EscrowedAnswer::attempt) != pending_.end();
  }

  Result<> append(std::string_view frames) {
    auto written = file_.write_at(end_, frames);
    if (written) written = file_.sync();
    if (!written) {  // half a frame must not stand between good ones
      if (auto cut = file_.truncate(end_); !cut) log_.error("escrow_not_cut", {{"why", cut.error().message}});
      return std::unexpected(Error{Errc::store_unavailable, written.error().message, written.error().hint});
    }
    set_end(end_ + static_cast<std::int64_t>(frames.size()));
    return {};
  }

  void set_end(std::int64_t end) {
    const std::lock_guard lock{mutex_};
    end_ = end;
  }

  // What is damaged, torn or done goes with this. A disk without room does not keep the process from starting: the frames
  // are whole where they are, and the next ones go behind them.
  Result<> compact_loaded(bool damaged) {
    const std::string frames = frames_of(pending());
    const auto prepared = prepare(frames);
    if (prepared) return replace(frames);
    if (damaged) return prepared;
    log_.warning("escrow_not_compacted", {{"why", prepared.error().message}});
    allocate_room();
    return file_.sync();
  }

  // The pending answers and nothing else.
  Result<> rewrite() {
    const std::string frames = frames_of(pending());
    if (auto prepared = prepare(frames); !prepared) return prepared;
    return replace(frames);
  }

  // Nothing of the file itself is touched. Half of it would bring back answers that are done by then.
  Result<> prepare(const std::string& frames) {
    if (frames.empty()) return {};
    const auto compact = beside(file_.path(), compact_ending);
    auto kept = write_whole(compact, escrow_head({}) + frames);
    std::error_code ignored;
    if (!kept) fs::remove(compact, ignored);
    return kept;
  }

  Result<> replace(const std::string& frames) {
    const auto compact = beside(file_.path(), compact_ending);
    const auto end = head_bytes + static_cast<std::int64_t>(frames.size());
    auto done = file_.truncate(head_bytes);
    if (done) done = file_.write_at(head_bytes, frames);
    if (done) done = file_.sync();
    if (!done) return done;
    set_end(end);
    std::error_code ignored;
    fs::remove(compact, ignored);
    allocate_room();
    return {};
  }

  void allocate_room() {
    if (options_.capacity > 0 && !file_.allocate(options_.capacity)) {
      log_.warning("escrow_room_not_allocated", {{"file", file_.path().string()}, {"bytes", options_.capacity}});
    }
  }

  // What a compaction holds that a crash interrupted: it counts too.
  static std::vector<EscrowedAnswer> interrupted(const fs::path& path) {
    auto file = PrivateFile::open(beside(path, compact_ending), PrivateFile::Mode::read_only);
    if (!file) return {};
    const auto content = file->read_all();
    if (!content) return {};
    return read_escrow(*content).pending;
  }

  // What a file holds. Damage is said, and its bytes are set aside before anything is rewritten.
  Result<EscrowReading> examine(const PrivateFile& file, std::string_view content) {
    EscrowReading reading = read_escrow(content);
    std::string bytes;
    for (const auto& [offset, size] : reading.damage) {
      log_.error("escrow_record_damaged", {{"file", file.path().string()},
                                           {"offset", offset},
                                           {"bytes", size},
                                           {"effect", "its connection is recovered as its rotation allows"}});
      bytes += content.substr(offset, size);
    }
    if (reading.damage.empty() && reading.end < content.size()) {
      log_.warning("escrow_tail_torn", {{"file", file.path().string()}, {"bytes", content.size() - reading.end}});
    }
    if (bytes.empty()) return reading;
    {
      const std::lock_guard lock{mutex_};
      damaged_ += reading.damage.size();
    }
    if (auto kept = keep_aside(file.path(), bytes); !kept) return std::unexpected(kept.error());
    return reading;
  }

  // One file that cannot be read does not keep the others waiting.
  Result<> adopt_all() {
    for (int slot = 0; slot < most_escrow_files; ++slot) {
      const auto path = escrow_slot(options_.path, slot);
      if (path == file_.path()) continue;
      const auto adopted = adopt_one(path);
      if (adopted || adopted.error().code == Errc::not_found) continue;
      const std::initializer_list<LogField> what{{"file", path.string()}, {"why", adopted.error().message}};
      if (adopted.error().code == Errc::invalid_argument) {
        log_.error("escrow_is_foreign", what);
      } else {
        log_.warning("escrow_not_adopted", what);
      }
    }
    return {};
  }

  Result<> adopt_one(const fs::path& path) {
    if (auto ours = refuse_foreign(path); !ours) return ours;
    auto file = PrivateFile::open(path, PrivateFile::Mode::existing);
    if (!file) return std::unexpected(file.error());
    const auto locked = file->lock();
    if (!locked) return std::unexpected(locked.error());
    if (!*locked) return {};
    const auto content = file->read_all();
    if (!content) return std::unexpected(content.error());
    if (content->empty()) return {};
    const auto reading = examine(*file, *content);
    if (!reading) return std::unexpected(reading.error());
    std::vector<EscrowedAnswer> left = reading->pending;
    std::ranges::move(interrupted(path), std::back_inserter(left));
    for (const EscrowedAnswer& answer : left) {
      if (auto stored = store(answer); !stored) return stored;
    }
    std::error_code ignored;
    fs::remove(beside(path, compact_ending), ignored);
    if (const auto owner = escrow_owner(*content); !owner.empty()) {
      const std::lock_guard lock{mutex_};
      dead_owners_.push_back(owner);
    }
    if (auto cut = file->truncate(0); !cut) return cut;
    if (!left.empty()) log_.warning("escrow_adopted", {{"file", path.string()}, {"answers", left.size()}});
    return file->sync();
  }

  const EscrowOptions options_;
  PrivateFile file_;
  const Log& log_;
  mutable std::mutex mutex_;  // of what follows; held across no I/O
  std::vector<EscrowedAnswer> pending_;
  std::vector<std::string> dead_owners_;
  std::int64_t end_ = head_bytes;
  std::size_t damaged_ = 0;
  std::size_t reservations_ = 0;
  RunLoop disk_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Escrow>> open_file_escrow(EscrowOptions options, const Log& log) {
  for (int slot = 0; slot < most_escrow_files; ++slot) {
    const auto path = escrow_slot(options.path, slot);
    if (auto ours = refuse_foreign(path); !ours) return std::unexpected(ours.error());
    auto file = PrivateFile::open(path, PrivateFile::Mode::create);
    if (!file) return std::unexpected(file.error());
    const auto locked = file->lock();
    if (!locked) return std::unexpected(locked.error());
    if (!*locked) continue;
    auto escrow = std::make_unique<FileEscrow>(std::move(options), std::move(*file), log);
    if (auto loaded = escrow->load(); !loaded) return std::unexpected(loaded.error());
    return escrow;
  }
  return fail(Errc::store_unavailable,
              options.path.string() + ": all " + std::to_string(most_escrow_files) + " files are in use",
              "So many processes cannot share one escrow: give this one a path of its own ([store] escrow).");
}

std::vector<EscrowFileReport> inspect_escrow(const std::filesystem::path& path) {
  std::vector<EscrowFileReport> reports;
  for (int slot = 0; slot < most_escrow_files; ++slot) {
    const auto name = escrow_slot(path, slot);
    auto file = PrivateFile::open(name, PrivateFile::Mode::read_only);
    if (!file) continue;
    EscrowFileReport report{.file = name};
    const auto locked = file->lock_to_look();
    report.in_use = locked && !*locked;
    const auto front = file->read_front(escrow_head_bytes + 1);
    if (front && !begins_an_escrow(*front)) {
      report.foreign = true;
      reports.push_back(std::move(report));
      continue;
    }
    const auto content = file->read_all();
    if (!content) continue;
    const auto reading = read_escrow(*content);
    std::error_code ignored;
    report.answers = reading.pending.size();
    report.bytes = static_cast<std::int64_t>(content->size());
    report.damaged = reading.damage.size();
    report.set_aside = fs::exists(beside(name, damaged_ending), ignored);
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace evergrant
