// Reads tokens over one HTTP connection that stays open, one after another, and tells how long each took. Not installed.
//
//   read_loop PORT KEY FILE
//
// FILE: paths, one a line, read in turn. Then, for each line "SECONDS" on standard input, a run and a line of JSON on
// standard output: how many reads, and percentiles in microseconds.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void stop(const std::string& why) {
  std::cerr << "read_loop: " << why << '\n';
  std::exit(1);
}

int connect_to(int port) {
  const int line = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(line, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) stop("cannot connect");
  const int on = 1;
  ::setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return line;
}

// The whole answer: its header, and as many bytes as that says.
void read_answer(int line) {
  std::string answer;
  std::size_t expected = std::string::npos;
  std::array<char, 8192> buffer{};
  while (answer.size() < expected) {
    const auto got = ::recv(line, buffer.data(), buffer.size(), 0);
    if (got <= 0) stop("the connection ended");
    answer.append(buffer.data(), static_cast<std::size_t>(got));
    const auto end = answer.find("\r\n\r\n");
    if (expected != std::string::npos || end == std::string::npos) continue;
    if (!answer.starts_with("HTTP/1.1 200")) stop(answer.substr(0, 500));
    constexpr std::string_view name = "Content-Length: ";
    const auto length = answer.find(name);
    if (length == std::string::npos || length > end) stop("an answer without a length");
    std::size_t body = 0;
    std::from_chars(answer.data() + length + name.size(), answer.data() + end, body);
    expected = end + 4 + body;
  }
}

double at_share(const std::vector<double>& sorted, double share) {
  const auto place = static_cast<std::size_t>(static_cast<double>(sorted.size()) * share);
  return sorted[std::min(sorted.size() - 1, place)];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) stop("expected PORT KEY FILE");
  std::vector<std::string> requests;
  std::ifstream file{argv[3]};
  for (std::string path; std::getline(file, path);)
    requests.push_back("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + argv[2] + "\r\n\r\n");
  if (requests.empty()) stop("no paths");
  const int line = connect_to(std::atoi(argv[1]));
  std::size_t next = 0;
  double seconds = 0;
  while (std::cin >> seconds) {
    std::vector<double> times;
    const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    for (auto begun = Clock::now(); begun < until; begun = Clock::now()) {
      const std::string& request = requests[next++ % requests.size()];
      if (::send(line, request.data(), request.size(), MSG_NOSIGNAL) != std::ssize(request)) stop("cannot send");
      read_answer(line);
      times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count());
    }
    std::ranges::sort(times);
    std::cout << "{\"reads\": " << times.size() << ", \"p50\": " << at_share(times, 0.5) << ", \"p99\": " << at_share(times, 0.99)
              << ", \"most\": " << times.back() << "}" << std::endl;
  }
  ::close(line);
}
