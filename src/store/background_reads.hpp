// A SQLite VFS for long reads behind other work: they take a quarter of a core at most, and can be broken off within a page.
// (A check of the whole file is one step to SQLite, which neither an interrupt nor a progress handler ends.) Private to
// store/.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace evergrant {

class BackgroundReads {
 public:
  // Asked before each page is read; true: that read fails, and with it the statement. On the reading thread.
  explicit BackgroundReads(std::function<bool()> give_way);
  // After the last Database on it.
  ~BackgroundReads();
  BackgroundReads(const BackgroundReads&) = delete;
  BackgroundReads& operator=(const BackgroundReads&) = delete;

  // For SqliteOpenFlags::vfs.
  [[nodiscard]] const std::string& name() const;
  // A read was refused: what the statement says about the file is worth nothing.
  [[nodiscard]] bool gave_way() const;

  struct Impl;

 private:
  const std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
