// Asks a server over many connections that stay open, each with one request under way, and tells how many were answered and
// how long that took. Over TCP on loopback or a unix socket. Not installed.
//
//   http_load PORT|SOCKET CONNECTIONS SECONDS REQUESTS
//
// REQUESTS: a file of whole requests, each ended by an empty line, sent in turn. One line of JSON: answers, seconds, and
// percentiles in microseconds. An answer other than 200 ends it.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "load.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using load::at_share;
using load::connect_to;
using load::stop;

class Asker {
 public:
  explicit Asker(const std::string& where) : line_{connect_to(where)} {}
  [[nodiscard]] int line() const { return line_; }

  void ask(const std::string& request) {
    begun_ = Clock::now();
    got_ = 0;
    expected_ = 0;
    if (::send(line_, request.data(), request.size(), MSG_NOSIGNAL) != std::ssize(request)) stop("cannot send");
  }
  // Microseconds since it was asked, once the answer is whole; less than nothing before.
  double read_more() {
    const auto more = ::recv(line_, buffer_.data() + got_, buffer_.size() - got_, 0);
    if (more <= 0) stop("the connection ended");
    got_ += static_cast<std::size_t>(more);
    if (expected_ == 0) expected_ = length_of({buffer_.data(), got_});
    if (expected_ == 0 || got_ < expected_) return -1;
    return std::chrono::duration<double, std::micro>(Clock::now() - begun_).count();
  }

 private:
  static std::size_t length_of(std::string_view answer) {
    const auto end = answer.find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    if (!answer.starts_with("HTTP/1.1 200")) stop(std::string{answer.substr(0, 500)});
    constexpr std::string_view name = "Content-Length: ";
    const auto length = answer.find(name);
    if (length == std::string_view::npos || length > end) stop("an answer without a length");
    std::size_t body = 0;
    std::from_chars(answer.data() + length + name.size(), answer.data() + end, body);
    return end + 4 + body;
  }

  int line_;
  Clock::time_point begun_;
  std::size_t got_ = 0;
  std::size_t expected_ = 0;
  std::array<char, 16384> buffer_{};
};

std::vector<std::string> read_requests(const char* name) {
  std::vector<std::string> requests;
  std::ifstream file{name};
  std::string request;
  for (std::string line; std::getline(file, line);) {
    request += line + "\r\n";
    if (line.empty()) requests.push_back(std::exchange(request, {}));
  }
  if (requests.empty()) stop("no requests");
  return requests;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) stop("expected PORT|SOCKET CONNECTIONS SECONDS REQUESTS");
  const auto requests = read_requests(argv[4]);
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Asker>> askers;
  std::size_t next = 0;
  for (int i = 0; i < std::atoi(argv[2]); ++i) {
    askers.push_back(std::make_unique<Asker>(argv[1]));
    epoll_event event{.events = EPOLLIN, .data = {.ptr = askers.back().get()}};
    ::epoll_ctl(set, EPOLL_CTL_ADD, askers.back()->line(), &event);
    askers.back()->ask(requests[next++ % requests.size()]);
  }
  std::vector<double> times;
  const auto begun = Clock::now();
  const auto until = begun + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::atof(argv[3])));
  std::array<epoll_event, 256> events{};
  while (Clock::now() < until) {
    const int ready = ::epoll_wait(set, events.data(), static_cast<int>(events.size()), 1000);
    for (int i = 0; i < ready; ++i) {
      auto& asker = *static_cast<Asker*>(events[static_cast<std::size_t>(i)].data.ptr);
      const double took = asker.read_more();
      if (took < 0) continue;
      times.push_back(took);
      asker.ask(requests[next++ % requests.size()]);
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  if (times.empty()) stop("no answer came");
  std::ranges::sort(times);
  std::cout << "{\"answers\": " << times.size() << ", \"seconds\": " << seconds << ", \"p50\": " << at_share(times, 0.5)
            << ", \"p99\": " << at_share(times, 0.99) << "}\n";
}
