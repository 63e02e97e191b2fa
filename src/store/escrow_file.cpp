#include "store/escrow_file.hpp"

#include <algorithm>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/executor.hpp"
#include "base/thread_name.hpp"
#include "store/escrow_frames.hpp"
#include "store/escrow_legacy.hpp"
#include "store/escrow_log.hpp"
#include "store/escrow_places.hpp"

namespace evergrant {

namespace {

namespace fs = std::filesystem;

class FileEscrow final : public Escrow {
 public:
  FileEscrow(EscrowOptions options, PrivateFile file, const Log& log)
      : options_{std::move(options)}, file_{std::move(file), options_.disk_room}, log_{log} {
    if (!options_.inline_execution) {
      thread_ = std::thread{[this] {
        name_this_thread("eg-escrow");
        disk_.run();
      }};
    }
  }
  ~FileEscrow() override {
    disk_.stop();
    if (thread_.joinable()) thread_.join();
  }
  FileEscrow(const FileEscrow&) = delete;
  FileEscrow& operator=(const FileEscrow&) = delete;

  // Before anything else; blocking.
  Result<> load() {
    auto left = read_legacy(file_.file(), options_.store, options_.owner, log_);
    if (!left) return std::unexpected(left.error());
    pending_ = std::move(left->answers);
    dead_owners_ = std::move(left->owners);
    damaged_ = left->damaged;
    const bool is_new = std::cmp_less(left->end, escrow_head_bytes);
    file_.begin_at(is_new ? 0 : left->end, left->used);
    auto begun = is_new ? begin_new() : begin_on(*left);
    if (!begun) return begun;
    make_room();
    return {};
  }

  bool reserve() override {
    bool ask = false;
    {
      const std::lock_guard lock{mutex_};
      const auto wanted = end_ + static_cast<std::int64_t>(reservations_ + 1) * options_.room_for_one;
      if (wanted > options_.capacity) return false;
      if (wanted <= room_) {
        ++reservations_;
        return true;
      }
      ask = !std::exchange(asking_, true);
    }
    if (ask) ask_for_room();
    return false;
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
  Task<Result<>> settled(std::string owner) override {
    return on_disk([this, owner = std::move(owner)] { return settle(owner); });
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
            .room = std::min(room_, options_.capacity),
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
    {
      const std::lock_guard lock{mutex_};
      pending_.push_back(answer);
    }
    if (auto kept = keep_place(); !kept) {  // it would be found by nobody
      const std::lock_guard lock{mutex_};
      pending_.pop_back();
      return kept;
    }
    make_room();
    return {};
  }

  Result<> erase(const AttemptId& attempt) {
    if (!knows(attempt)) return {};
    if (auto appended = append(done_frame(attempt)); !appended) return appended;
    std::int64_t live = 0;
    {
      const std::lock_guard lock{mutex_};
      std::erase_if(pending_, [&](const EscrowedAnswer& one) { return one.attempt == attempt; });
      for (const auto& one : pending_) live += std::ssize(one.answer.bytes);
    }
    if (live > 0 && (file_.end() < options_.capacity / 2 || live > file_.end() / 2)) return {};
    // It is done already; that the file does not become shorter is no failure of this call.
    auto rewritten = keep_place();
    if (rewritten) rewritten = rewrite();
    if (!rewritten) log_.warning("escrow_not_compacted", {{"why", rewritten.error().message}});
    return {};
  }

  Result<> settle(const std::string& owner) {
    if (auto appended = append(settled_frame(owner)); !appended) return appended;
    const std::lock_guard lock{mutex_};
    std::erase(dead_owners_, owner);
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
    return std::ranges::count(pending_, attempt, &EscrowedAnswer::attempt) > 0;
  }

  Result<> append(std::string_view frames) {
    auto appended = file_.append(frames);
    note_size();
    return appended;
  }

  // What is damaged, torn or done goes with this.
  Result<> rewrite() {
    auto replaced = file_.replace(head(), frames());
    note_size();
    return replaced;
  }

  void note_size() {
    const std::lock_guard lock{mutex_};
    end_ = file_.end();
    room_ = lost_ ? 0 : file_.room();  // what is reserved is to be where it is found
  }

  [[nodiscard]] std::string head() const { return escrow_head({.store = options_.store, .owner = options_.owner}); }
  [[nodiscard]] std::string frames() const {
    const std::lock_guard lock{mutex_};
    return frames_of(dead_owners_) + frames_of(pending_);
  }

  // --- at the start ---

  // A name that nobody had, or an empty file.
  Result<> begin_new() {
    if (auto written = append(head() + frames()); !written) return written;
    std::error_code ignored;
    fs::remove(beside(file_.path(), compact_ending), ignored);
    return sync_folder(file_.path().parent_path());
  }

  // A disk without room does not keep the process from starting: the frames are whole where they are, and the next ones go
  // behind them. The head gets its new owner once the old one stands in a frame, so that no crash forgets either.
  Result<> begin_on(const Legacy& left) {
    // Into the file first: the next compaction is prepared where they lie.
    if (auto whole = append(left.only_prepared); !whole) return whole;
    const auto rewritten = rewrite();
    if (rewritten) return {};
    if (left.damaged > 0) return rewritten;
    log_.warning("escrow_not_compacted", {{"why", rewritten.error().message}});
    auto noted = append(frames_of(dead_owners_));
    if (noted) noted = file_.put_head(head());
    if (!noted) log_.warning("escrow_not_headed", {{"why", noted.error().message}});
    return {};
  }

  // --- room ---

  // Once at a time, on the disk's thread: whoever asked has been refused already.
  void ask_for_room() {
    auto ask = [this] {
      if (lost_) (void)keep_place();
      make_room();
    };
    if (options_.inline_execution) return ask();
    disk_.post(ask);
  }

  // All of the capacity, and what is reserved beyond it because answers were longer than their room; where the disk is
  // nearly full, as much of it as there is.
  void make_room() {
    std::int64_t wanted = 0;
    {
      const std::lock_guard lock{mutex_};
      asking_ = false;
      wanted = end_ + static_cast<std::int64_t>(reservations_) * options_.room_for_one;
    }
    bool whole = file_.allocate(std::max(options_.capacity, wanted));
    const std::int64_t least = std::max(wanted, file_.end() + options_.room_for_one);
    for (auto part = options_.capacity / 2; !whole && part >= least && part > file_.room(); part /= 2) {
      if (file_.allocate(part)) break;
    }
    note_size();
    if (whole == has_room_) return;
    has_room_ = whole;
    if (whole) {
      log_.info("escrow_has_room", {{"file", file_.path().string()}, {"bytes", file_.room()}});
    } else {
      log_.error("escrow_without_room", {{"file", file_.path().string()},
                                         {"bytes", file_.room()},
                                         {"wanted", options_.capacity},
                                         {"effect", "no refresh is sent whose answer could not be kept"}});
    }
  }

  // --- its own place ---

  Result<> keep_place() {
    const auto there = file_.file().is_in_place();
    if (!there) log_.warning("escrow_place_unknown", {{"why", there.error().message}});
    lost_ = there && !*there;
    if (!lost_) return {};
    auto moved = move_to_new_file();
    lost_ = !moved;
    note_size();
    if (!moved) log_.error("escrow_file_gone", {{"file", file_.path().string()}, {"why", moved.error().message}});
    return moved;
  }

  // Somebody removed the file or put another in its place: what is written to it is found by nobody. Everything goes to a
  // new file, at the same path if no other process took it meanwhile.
  Result<> move_to_new_file() {
    const fs::path before = file_.path();
    note_size();
    auto fresh = EscrowLog::write_new(options_.path, options_.store, head() + frames(), options_.disk_room);
    if (!fresh) return std::unexpected(fresh.error());
    file_ = std::move(*fresh);
    log_.error("escrow_file_gone", {{"file", before.string()},
                                    {"effect", "all that waits was written anew"},
                                    {"now", file_.path().string()},
                                    {"answers", pending().size()}});
    has_room_ = true;
    lost_ = false;
    make_room();
    return {};
  }

  // --- what others left ---

  // One file that cannot be read does not keep the others waiting.
  Result<> adopt_all() {
    const auto kept = keep_place();
    make_room();
    if (!kept) return kept;
    for (int slot = 0; slot < most_escrow_files; ++slot) {
      const auto path = escrow_slot(options_.path, slot);
      if (path == file_.path()) continue;
      const auto adopted = adopt_one(path);
      if (adopted || adopted.error().code == Errc::not_found) continue;
      const std::initializer_list<LogField> what{{"file", path.string()}, {"why", adopted.error().message}};
      if (adopted.error().code == Errc::invalid_argument || adopted.error().code == Errc::conflict) {
        log_.error("escrow_is_foreign", what);
      } else {
        log_.warning("escrow_not_adopted", what);
      }
    }
    return {};
  }

  Result<> adopt_one(const fs::path& path) {
    auto taken = take_file(path, options_.store, PrivateFile::Mode::existing);
    if (!taken) return std::unexpected(taken.error());
    if (!*taken) return {};
    PrivateFile& file = **taken;
    if (const auto front = file.read_front(1); front && front->empty()) return {};
    auto left = read_legacy(file, options_.store, options_.owner, log_);
    if (!left) return std::unexpected(left.error());
    if (auto stored = take_over(*left); !stored) return stored;
    std::error_code ignored;
    fs::remove(beside(path, compact_ending), ignored);
    if (auto cut = file.truncate(0); !cut) return cut;
    if (!left->answers.empty()) log_.warning("escrow_adopted", {{"file", path.string()}, {"answers", left->answers.size()}});
    return file.sync();
  }

  // Durable here before it goes there. The room of requests under way is not for this.
  Result<> take_over(const Legacy& left) {
    std::vector<EscrowedAnswer> answers = left.answers;
    std::erase_if(answers, [&](const EscrowedAnswer& one) { return knows(one.attempt); });
    std::vector<std::string> owners = left.owners;
    std::int64_t wanted = 0;
    {
      const std::lock_guard lock{mutex_};
      std::erase_if(owners, [&](const std::string& one) { return std::ranges::count(dead_owners_, one) > 0; });
      wanted = end_ + static_cast<std::int64_t>(reservations_) * options_.room_for_one;
    }
    const std::string frames = frames_of(owners) + frames_of(answers);
    if (!file_.allocate(wanted + std::ssize(frames)))
      return fail(Errc::store_unavailable, "the disk has no room to take it over",
                  "It stays where it is, and is tried again.");
    if (auto appended = frames.empty() ? Result<>{} : append(frames); !appended) return appended;
    const std::lock_guard lock{mutex_};
    damaged_ += left.damaged;
    std::ranges::move(answers, std::back_inserter(pending_));
    std::ranges::move(owners, std::back_inserter(dead_owners_));
    return {};
  }

  const EscrowOptions options_;
  EscrowLog file_;  // on the disk's thread
  bool has_room_ = true;
  bool lost_ = false;  // its path names another file, or none
  const Log& log_;
  mutable std::mutex mutex_;  // of what follows; held across no I/O
  std::vector<EscrowedAnswer> pending_;
  std::vector<std::string> dead_owners_;
  std::int64_t end_ = 0;
  std::int64_t room_ = 0;
  std::size_t damaged_ = 0;
  std::size_t reservations_ = 0;
  bool asking_ = false;
  RunLoop disk_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Escrow>> open_file_escrow(EscrowOptions options, const Log& log) {
  for (int slot = 0; slot < most_escrow_files; ++slot) {  // another store's anywhere among them: a slip in a configuration
    const auto ours = refuse_others(escrow_slot(options.path, slot), options.store);
    if (!ours && (slot == 0 || ours.error().code == Errc::conflict)) return std::unexpected(ours.error());
  }
  for (int slot = 0; slot < most_escrow_files; ++slot) {
    auto taken = take_file(escrow_slot(options.path, slot), options.store, PrivateFile::Mode::create);
    if (!taken) return std::unexpected(taken.error());
    if (!*taken) continue;
    auto escrow = std::make_unique<FileEscrow>(std::move(options), std::move(**taken), log);
    if (auto loaded = escrow->load(); !loaded) return std::unexpected(loaded.error());
    return escrow;
  }
  return fail(Errc::store_unavailable,
              options.path.string() + ": all " + std::to_string(most_escrow_files) + " files are in use",
              "So many processes cannot share one escrow: give this one a path of its own ([store] escrow).");
}

}  // namespace evergrant
