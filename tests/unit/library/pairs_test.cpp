// Several token pairs of one connection (a bot's and a user's), asked for by an application: embedded, and from a server.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "evergrant/remote_tokens.hpp"
#include "net/http_server.hpp"
#include "unit/library/embedding_application.hpp"

namespace evergrant::inline library {
namespace {

using testing::ElementsAre;

// The sandbox gives one pair; this provider adds a user's to it, and refreshes that one itself.
class TwoPairs final : public library::HttpTransport {
 public:
  explicit TwoPairs(std::shared_ptr<ProviderLink> link) : link_{std::move(link)} {}
  void send(HttpCall call, Done done) override {
    if (!call.url.ends_with("/token")) return done(link_->ask(std::move(call)));
    if (call.body.contains("user-rt")) return done(user_pair(true));
    HttpAnswer answer = link_->ask(std::move(call));
    auto body = boost::json::parse(answer.body).as_object();
    body["authed_user"] = boost::json::parse(user_pair(false).body);
    answer.body = boost::json::serialize(body);
    done(std::move(answer));
  }

 private:
  HttpAnswer user_pair(bool next) {
    if (next) ++generation_;
    const std::string number = std::to_string(generation_);
    return {.status = 200,
            .headers = {{"Content-Type", "application/json"}},
            .body = R"({"access_token":"user-at-)" + number + R"(","refresh_token":"user-rt-)" + number +
                    R"(","token_type":"bearer","expires_in":3600})"};
  }
  std::shared_ptr<ProviderLink> link_;
  int generation_ = 1;
};

class EmbeddedPairsTest : public EmbeddingApplication {
 protected:
  std::unique_ptr<TokenManager> two_pairs() {
    Options with = options();
    with.registrations.front().profile_toml = "[[token.pair]]\nname = \"user\"\npath = \"authed_user\"\n";
    Seams on = seams();
    on.http = std::make_unique<TwoPairs>(link);
    return manager(std::move(with), std::move(on));
  }
};

TEST_F(EmbeddedPairsTest, each_pair_is_asked_for_by_its_name_and_replaced_by_itself) {
  const auto tokens = two_pairs();
  const std::string id = connect(*tokens, realm);
  const auto main = tokens->get({.connection = id}).wait();
  const auto user = tokens->get({.connection = id, .pair = "user"}).wait();
  ASSERT_TRUE(main && user) << text(user);
  EXPECT_EQ(user->reveal(), "user-at-1");
  EXPECT_NE(main->reveal(), user->reveal());
  EXPECT_EQ(user->connection(), id);
  EXPECT_EQ(user->pair(), "user");
  EXPECT_EQ(text(tokens->get({.registration = "books", .realm = realm, .pair = "user"}).wait()), "user-at-1");
  auto again = tokens->get({.connection = id, .pair = "user"});
  EXPECT_TRUE(again.is_ready()) << "from memory";
  const auto fresh = tokens->invalidate(*user).wait();
  EXPECT_EQ(text(fresh), "user-at-2");
  EXPECT_EQ(text(tokens->get({.connection = id, .pair = "user"}).wait()), "user-at-2");
  EXPECT_EQ(text(tokens->get({.connection = id}).wait()), main->reveal()) << "the other pair stays as it was";
}

TEST_F(EmbeddedPairsTest, a_pair_that_is_not_there_is_named) {
  const auto tokens = two_pairs();
  const std::string id = connect(*tokens, realm);
  EXPECT_EQ(text(tokens->get({.connection = id, .pair = "admin"}).wait()), "not_found");
  EXPECT_EQ(text(tokens->get({.registration = "books", .realm = realm, .pair = "admin"}).wait()), "not_found");
  EXPECT_EQ(text(tokens->get({.connection = "con_none", .pair = "user"}).wait()), "not_found");
  EXPECT_EQ(text(tokens->get({.pair = "user"}).wait()), "invalid_argument");
}

// A server that gives every pair of every connection, and tells what it was asked.
class GivingServer final : public HttpHandler {
 public:
  Task<HttpResponse> handle(HttpRequest request) override {
    const std::lock_guard lock{mutex};
    const auto at = request.query.find("pair=");
    const std::string pair = at == std::string::npos ? "" : request.query.substr(at + 5);
    if (request.method == "POST") ++generation;
    asked.push_back(request.method + " " + request.path + " " + pair);
    HttpResponse response;
    response.headers.add("Content-Type", "application/json");
    response.body = boost::json::serialize(boost::json::object{{"access_token", "at-" + pair + std::to_string(generation)},
                                                               {"connection", "con_1"},
                                                               {"realm", "r"},
                                                               {"pair", pair},
                                                               {"token_type", "Bearer"},
                                                               {"expires_at", "2099-01-01T00:00:00Z"},
                                                               {"generation", generation}});
    co_return response;
  }
  std::mutex mutex;
  std::int64_t generation = 1;
  std::vector<std::string> asked;
};

TEST(RemotePairsTest, each_pair_is_kept_by_itself_and_the_server_is_asked_for_it) {
  GivingServer handler;
  const auto log = Log::silent();
  HttpServer server{{}, handler, *log};
  ASSERT_TRUE(server.start());
  auto made = RemoteTokens::make(
      {.url = "http://127.0.0.1:" + std::to_string(server.port()), .api_key = Secret{"egk_x"}, .threads = Threads::own});
  ASSERT_TRUE(made);
  RemoteTokens& tokens = **made;
  const auto text = [](Pending<TokenLease> pending) { return std::string{pending.wait()->reveal()}; };
  EXPECT_EQ(text(tokens.get({.connection = "con_1"})), "at-1");
  const auto user = tokens.get({.connection = "con_1", .pair = "user"}).wait();
  EXPECT_EQ(user->reveal(), "at-user1");
  EXPECT_EQ(text(tokens.get({.registration = "books", .realm = "r", .pair = "user"})), "at-user1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(text(tokens.get({.connection = "con_1", .pair = "user"})), "at-user1");
  EXPECT_EQ(text(tokens.invalidate(*user)), "at-user2");
  EXPECT_EQ(text(tokens.get({.connection = "con_1", .pair = "user"})), "at-user2");
  EXPECT_EQ(text(tokens.get({.connection = "con_1"})), "at-1") << "kept: the other pair was refused";
  EXPECT_THAT(handler.asked,
              ElementsAre("GET /v1/connections/con_1/token ", "GET /v1/connections/con_1/token user",
                          "GET /v1/registrations/books/realms/r/token user", "POST /v1/connections/con_1/refresh user"));
}

}  // namespace
}  // namespace evergrant::inline library
