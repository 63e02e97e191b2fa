// <name>_fuzz FOLDER…: every file of these once through the target, where libFuzzer is not linked. Seeds must go through,
// and so must what once crashed. The name of the file comes first, so that the last one printed is the one that fails.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code none;  // a target that never crashed has no folder of crashes
  for (const auto& entry : fs::directory_iterator{folder, none}) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

int main(int count, char** words) {
  std::size_t replayed = 0;
  for (int i = 1; i < count; ++i) {
    for (const auto& file : files_in(words[i])) {
      std::printf("%s\n", file.c_str());
      std::fflush(stdout);
      std::ifstream in{file, std::ios::binary};
      const std::vector<char> bytes{std::istreambuf_iterator<char>{in}, {}};
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      ++replayed;
    }
  }
  std::printf("%zu inputs\n", replayed);
  return replayed > 0 ? 0 : 1;  // a folder that is gone must not look like a pass
}
