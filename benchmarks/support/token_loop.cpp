// The bare loop that `./bench refresh` measures evergrant against: posts refresh-token requests to a token endpoint with
// libcurl and does nothing else but take the next refresh token from the answer. Nothing is stored. Not installed.
//
//   token_loop URL CLIENT_ID CLIENT_SECRET FILE
//
// FILE: refresh tokens, one a line. Then, for each line "SECONDS IN_FLIGHT" on standard input, a run and a line of JSON
// on standard output. One in flight: one request after another on one kept connection. More: so many kept connections.
#include <curl/curl.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void stop(const std::string& why) {
  std::cerr << "token_loop: " << why << '\n';
  std::exit(1);
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// The refresh tokens of grants that no request is under way for, refreshed in turn by all lines.
using Tokens = std::deque<std::string>;

// One line of requests over a connection that is kept.
class Line {
 public:
  Line(const std::string& url, const std::string& user, curl_slist* headers, Tokens& tokens)
      : easy_{curl_easy_init()}, tokens_{tokens} {
    curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy_, CURLOPT_USERPWD, user.c_str());
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Line::on_write);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() { curl_easy_cleanup(easy_); }

  [[nodiscard]] CURL* easy() const { return easy_; }

  void prepare() {
    answer_.clear();
    body_ = "grant_type=refresh_token&refresh_token=" + tokens_.front();
    tokens_.pop_front();
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, body_.c_str());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE, static_cast<long>(body_.size()));
  }

  void take(CURLcode code) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200)
      stop(std::string{curl_easy_strerror(code)} + ", " + std::to_string(status) + ": " + answer_);
    constexpr std::string_view member = "\"refresh_token\":\"";
    const auto from = answer_.find(member);
    const auto to = from == std::string::npos ? from : answer_.find('"', from + member.size());
    if (to == std::string::npos) stop("an answer without a refresh token: " + answer_);
    tokens_.push_back(answer_.substr(from + member.size(), to - from - member.size()));
  }

 private:
  static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* self) {
    static_cast<Line*>(self)->answer_.append(data, size * count);
    return size * count;
  }

  CURL* easy_;
  Tokens& tokens_;
  std::string body_, answer_;
};

using Lines = std::vector<std::unique_ptr<Line>>;

long run_one(Line& line, Clock::time_point until) {
  long requests = 0;
  for (; Clock::now() < until; ++requests) {
    line.prepare();
    line.take(curl_easy_perform(line.easy()));
  }
  return requests;
}

long run_many(Lines& lines, std::size_t in_flight, Clock::time_point until) {
  CURLM* multi = curl_multi_init();
  long requests = 0;
  std::size_t open = 0;
  for (; open < in_flight; ++open) {
    lines[open]->prepare();
    curl_multi_add_handle(multi, lines[open]->easy());
  }
  while (open > 0) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      CURL* easy = message->easy_handle;
      const CURLcode code = message->data.result;
      Line* line = nullptr;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, &line);
      curl_multi_remove_handle(multi, easy);
      line->take(code);
      ++requests;
      if (Clock::now() >= until) {
        --open;
        continue;
      }
      line->prepare();
      curl_multi_add_handle(multi, easy);
    }
    if (open > 0) curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  curl_multi_cleanup(multi);
  return requests;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) stop("expected URL CLIENT_ID CLIENT_SECRET FILE");
  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl_slist* headers = curl_slist_append(nullptr, "Accept: application/json");
  headers = curl_slist_append(headers, "x-include-refresh-token-hard-expires-in: true");
  const std::string user = std::string{argv[2]} + ":" + argv[3];
  constexpr std::size_t most = 256;
  Tokens tokens;
  std::ifstream file{argv[4]};
  for (std::string token; std::getline(file, token);) tokens.push_back(token);
  Lines lines;
  for (std::size_t i = 0; i < most; ++i) lines.push_back(std::make_unique<Line>(argv[1], user, headers, tokens));
  if (tokens.size() < most) stop("too few refresh tokens");
  double seconds = 0;
  std::size_t in_flight = 0;
  while (std::cin >> seconds >> in_flight) {
    if (in_flight < 1 || in_flight > most) stop("1 to 256 in flight");
    const auto begun = Clock::now();
    const double cpu = cpu_seconds();
    const auto until = begun + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    const long requests = in_flight == 1 ? run_one(*lines.front(), until) : run_many(lines, in_flight, until);
    const std::chrono::duration<double> took = Clock::now() - begun;
    std::cout << "{\"requests\": " << requests << ", \"seconds\": " << took.count()
              << ", \"cpu_seconds\": " << cpu_seconds() - cpu << "}" << std::endl;
  }
  lines.clear();
  curl_slist_free_all(headers);
  curl_global_cleanup();
}
