#include "evergrant/seams.hpp"

#include <chrono>
#include <utility>

#include "app/config_secret.hpp"
#include "crypto/kek.hpp"
#include "library/store_parts.hpp"
#include "store/sqlite_store.hpp"

namespace evergrant::library {
namespace {

// A local KEK with the randomness that it wraps with.
class KekWithRandom final : public KekSource {
 public:
  [[nodiscard]] static Result<std::unique_ptr<KekSource>> make(const Secret& text) {
    auto made = std::make_unique<KekWithRandom>();
    auto kek = make_local_kek(text, made->random_);
    if (!kek) return std::unexpected(kek.error());
    made->kek_ = std::move(*kek);
    return made;
  }
  [[nodiscard]] std::string id() const override { return kek_->id(); }
  [[nodiscard]] Result<std::string> wrap(const Secret& key, std::string_view context) override {
    return kek_->wrap(key, context);
  }
  [[nodiscard]] Result<Secret> unwrap(std::string_view wrapped, std::string_view context) override {
    return kek_->unwrap(wrapped, context);
  }

 private:
  SystemRandom random_;
  std::unique_ptr<KekSource> kek_;
};

Result<std::unique_ptr<KekSource>> kek_at(const SecretReference& reference) {
  const auto text = resolve(reference);
  if (!text) return std::unexpected(text.error());
  return KekWithRandom::make(*text);
}

}  // namespace

Store::Store(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> open_sqlite_store(const SqliteOptions& options) {
  auto impl = std::make_unique<Store::Impl>();
  impl->path = options.path;
  impl->threads = options.threads;
  const bool on_engine = options.threads == Threads::application;
  const Time now = SystemClock{}.now();
  auto opened = evergrant::open_sqlite_store({.path = options.path.string(),
                                              .inline_execution = on_engine,
                                              .high_water = options.path.string() + ".mark",
                                              .now = now},
                                             *impl->log);
  if (!opened) return std::unexpected(opened.error());
  impl->store = std::move(*opened);
  return std::make_unique<Store>(std::move(impl));
}

Result<std::unique_ptr<KekSource>> kek_from_text(const Secret& text) { return KekWithRandom::make(text); }

Result<std::unique_ptr<KekSource>> kek_from_file(const std::filesystem::path& path) {
  return kek_at({.place = SecretPlace::file, .name = path.string()});
}

Result<std::unique_ptr<KekSource>> kek_from_environment(std::string_view variable) {
  return kek_at({.place = SecretPlace::environment, .name = std::string{variable}});
}

Secret generate_kek() {
  SystemRandom random;
  return generate_kek_text(random);
}

}  // namespace evergrant::library
