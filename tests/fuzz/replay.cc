// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without a fuzzer: every file of its corpus, and mutations of them, the same
// ones each time.
//   fuzz_NAME FOLDER MUTATIONS     fuzz_NAME FILE
// When the process dies, what it died of is kept in ./fuzz-crash.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "input.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace {

using Bytes = std::vector<uint8_t>;
constexpr size_t longest = 4096;

Bytes current;  // of the run at hand

void keep_current() {
  const int file = ::open("fuzz-crash", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0 || ::write(file, current.data(), current.size()) < 0) return;
  static constexpr char text[] = "fuzz: the input is kept in ./fuzz-crash\n";
  (void)!::write(2, text, sizeof text - 1);
}

void on_abort(int) { keep_current(); }

void keep_what_kills() {
  std::signal(SIGABRT, on_abort);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(keep_current);
#endif
}

void run(const Bytes& bytes) {
  current = bytes;
  LLVMFuzzerTestOneInput(current.data(), current.size());
}

Bytes bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Bytes> corpus_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> corpus;
  for (const auto& path : paths) corpus.push_back(bytes_of(path));
  return corpus;
}

// The standard fixes what this engine gives, but not what distributions make of it.
class Mutator {
 public:
  explicit Mutator(const std::vector<Bytes>& corpus) : corpus_(corpus) {}

  Bytes next() {
    Bytes bytes = corpus_[below(corpus_.size())];
    for (size_t changes = 1 + below(4); changes > 0; changes--) change(bytes);
    if (bytes.size() > longest) bytes.resize(longest);
    return bytes;
  }

 private:
  size_t below(size_t limit) { return limit == 0 ? 0 : engine_() % limit; }

  void change(Bytes& bytes) {
    static constexpr uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
    const size_t at = below(bytes.size());
    const auto place = bytes.begin() + static_cast<ptrdiff_t>(at);
    const size_t count = std::min(1 + below(16), bytes.size() - at);
    const auto end = place + static_cast<ptrdiff_t>(count);
    switch (below(bytes.empty() ? 1 : 6)) {
      case 0:
        bytes.insert(place, 1 + below(8), static_cast<uint8_t>(engine_()));
        break;
      case 1:
        bytes[at] = static_cast<uint8_t>(bytes[at] ^ 1u << below(8));
        break;
      case 2:
        std::fill(place, end, edges[below(sizeof edges)]);
        break;
      case 3:
        bytes.erase(place, end);
        break;
      case 4: {
        const Bytes part(place, end);
        bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(below(bytes.size())), part.begin(),
                     part.end());
        break;
      }
      default: {  // goes on as another one does
        const Bytes& other = corpus_[below(corpus_.size())];
        bytes.resize(at);
        bytes.insert(bytes.end(),
                     other.begin() + static_cast<ptrdiff_t>(std::min(at, other.size())),
                     other.end());
        break;
      }
    }
  }

  const std::vector<Bytes>& corpus_;
  std::mt19937_64 engine_{20240229};
};

}  // namespace

int main(int count, char** arguments) {
  keep_what_kills();
  if (count == 2) {
    run(bytes_of(arguments[1]));
    return 0;
  }
  if (count != 3) return 2;
  const std::vector<Bytes> corpus = corpus_of(arguments[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: the corpus is empty\n", arguments[1]);
    return 1;
  }
  for (const Bytes& bytes : corpus) run(bytes);
  Mutator mutator(corpus);
  const unsigned long mutations = std::strtoul(arguments[2], nullptr, 10);
  for (unsigned long i = 0; i < mutations; i++) run(mutator.next());
  std::printf("%zu inputs and %lu mutations\n", corpus.size(), mutations);
  return 0;
}
