#include "evergrant/token_manager.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "crypto/jose.hpp"
#include "unit/library/embedding_application.hpp"

namespace evergrant::inline library {
namespace {

using namespace std::chrono_literals;

class TokenManagerTest : public EmbeddingApplication {};

TEST_F(TokenManagerTest, a_customer_connects_and_the_token_is_given_by_id_and_by_realm) {
  const auto tokens = manager(options(), seams());
  const auto id = connect(*tokens, realm);
  const auto lease = tokens->get({.connection = id}).wait();
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(lease->connection(), id);
  EXPECT_EQ(lease->realm(), realm);
  EXPECT_EQ(lease->tenant(), "acme");
  EXPECT_EQ(lease->registration(), "books");
  EXPECT_EQ(lease->token_type(), "Bearer");
  EXPECT_EQ(lease->scope(), "com.intuit.quickbooks.accounting");
  EXPECT_EQ(lease->generation(), 1);
  EXPECT_EQ(lease->expires_at(), clock.now() + 1h);
  EXPECT_EQ(text(tokens->get({.registration = "books", .realm = realm}).wait()), lease->reveal());
}

TEST_F(TokenManagerTest, a_valid_token_is_at_hand_without_waiting) {
  const auto tokens = manager(options(), seams());
  const auto id = connect(*tokens, realm);
  ASSERT_TRUE(tokens->get({.connection = id}).wait());
  link->silent = true;
  EXPECT_TRUE(tokens->get({.connection = id}).is_ready());
}

TEST_F(TokenManagerTest, an_expired_token_is_refreshed_once_for_all_who_wait) {
  const auto tokens = manager(options(), seams());
  const auto id = connect(*tokens, realm);
  const auto old = tokens->get({.connection = id}).wait();
  const int before = link->token_requests;
  clock.advance(2h);
  std::vector<Pending<TokenLease>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(tokens->get({.connection = id}));
  for (auto& one : waiting) {
    const auto lease = one.wait();
    ASSERT_TRUE(lease) << lease.error().message;
    EXPECT_EQ(lease->generation(), 2);
    EXPECT_NE(lease->reveal(), old->reveal());
  }
  EXPECT_EQ(link->token_requests - before, 1);
}

TEST_F(TokenManagerTest, a_token_that_the_api_refused_is_replaced_once) {
  const auto tokens = manager(options(), seams());
  const auto id = connect(*tokens, realm);
  const auto refused = tokens->get({.connection = id}).wait();
  const auto first = tokens->invalidate(*refused).wait();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->generation(), 2);
  const int before = link->token_requests;
  EXPECT_EQ(text(tokens->invalidate(*refused).wait()), first->reveal()) << "somebody else met the same 401";
  EXPECT_EQ(link->token_requests, before);
}

TEST_F(TokenManagerTest, what_it_stores_another_finds) {
  std::string id;
  {
    const auto first = manager(options(), seams());
    id = connect(*first, realm);
  }
  const auto second = manager(options(), seams());
  EXPECT_TRUE(second->get({.connection = id}).wait());
}

TEST_F(TokenManagerTest, two_in_one_process_do_not_know_of_each_other) {
  const auto first = manager(options(), seams("one.db"));
  auto second = manager(options(), seams("two.db"));
  const auto id = connect(*first, realm);
  const auto other = connect(*second, "4620816365000000002", "bolt");
  EXPECT_EQ(text(second->get({.connection = id}).wait()), "not_found");
  second.reset();
  EXPECT_TRUE(first->get({.connection = id}).wait());
  EXPECT_EQ(text(first->get({.connection = other}).wait()), "not_found");
}

TEST_F(TokenManagerTest, who_waits_when_it_ends_is_given_an_error) {
  Options impatient = options();
  impatient.stop_wait = 0s;
  auto tokens = manager(std::move(impatient), seams());
  const auto id = connect(*tokens, realm);
  clock.advance(2h);
  link->silent = true;
  auto waiting = tokens->get({.connection = id, .deadline = 1min});
  link->wait_for_unanswered();
  tokens.reset();
  const auto outcome = waiting.wait();
  EXPECT_EQ(text(outcome), "gone");
}

TEST_F(TokenManagerTest, connections_are_imported_listed_and_revoked) {
  const auto tokens = manager(options(), seams());
  const auto imported = tokens
                            ->import({.registration = "books",
                                      .tenant = "acme",
                                      .realm = "4620816365000000003",
                                      .access_token = Secret{"an-access-token"},
                                      .refresh_token = {},
                                      .access_expires_at = clock.now() + 1h,
                                      .scopes = {"a", "b"}})
                            .wait();
  ASSERT_TRUE(imported) << imported.error().message;
  const auto lease = tokens->get({.connection = imported->id}).wait();
  EXPECT_EQ(text(lease), "an-access-token");
  EXPECT_EQ(lease->scope(), "a b");
  const auto id = connect(*tokens, realm, "bolt");
  const auto all = tokens->list().wait();
  ASSERT_TRUE(all);
  EXPECT_EQ(all->connections.size(), 2U);
  const auto revoked = tokens->revoke(id, "the customer left").wait();
  ASSERT_TRUE(revoked) << revoked.error().message;
  EXPECT_NE(revoked->status, "active");
  EXPECT_EQ(text(tokens->get({.connection = id}).wait()), "revoked");
  const auto active = tokens->list({.status = "active"}).wait();
  ASSERT_EQ(active->connections.size(), 1U);
  EXPECT_EQ(active->connections[0].tenant, "acme");
  EXPECT_EQ(tokens->list({.status = "happy"}).wait().error().code, Errc::invalid_argument);
}

TEST_F(TokenManagerTest, another_kek_opens_nothing_and_says_so) {
  manager(options(), seams()).reset();
  auto with_another = seams();
  with_another.kek = std::move(*kek_from_text(Secret{std::string(64, 'b')}));
  const auto made = TokenManager::make(options(), std::move(with_another));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::key_unavailable);
}

TEST_F(TokenManagerTest, what_is_wrong_with_the_options_is_said) {
  const auto error_of = [this](auto change) {
    Options wrong = options();
    change(wrong);
    auto made = TokenManager::make(std::move(wrong), seams());
    return made ? std::string{} : made.error().message;
  };
  EXPECT_NE(error_of([](Options& o) { o.public_url = "app.example.com"; }).find("public_url"), std::string::npos);
  EXPECT_NE(error_of([](Options& o) { o.registrations[0].provider = "quickboks"; }).find("quickbooks"), std::string::npos);
  EXPECT_NE(error_of([](Options& o) { o.registrations[0].client_id = ""; }).find("client_id"), std::string::npos);
  EXPECT_NE(error_of([](Options& o) { o.registrations[0].profile_toml = "refresh.grce = 1"; }).find("grce"),
            std::string::npos);
  EXPECT_NE(error_of([](Options& o) { o.registrations[0].client_secret = {}; }).find("client_secret"), std::string::npos);
  EXPECT_NE(error_of([](Options& o) { o.profiles = {"/nowhere"}; }).find("/nowhere"), std::string::npos);
}

// Threads ---------------------------------------------------------------------------------------------------------------

class ClientKeysTest : public EmbeddingApplication {
 protected:
  static Secret new_key() { return std::move(*SigningKey::generate("ES256", "")->to_pem()); }
  static Options with_keys() {
    Options made = options();
    RegistrationOptions& books = made.registrations[0];
    books.client_secret = {};
    books.client_key.pem = new_key();
    books.next_client_key.pem = new_key();
    books.profile_toml = "[token]\nclient_auth = \"private_key_jwt\"";
    return made;
  }
};

TEST_F(ClientKeysTest, a_client_proves_itself_by_the_key_that_it_publishes) {
  const auto keyed = manager(with_keys(), seams());
  const auto keys = keyed->client_key_set("books");
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ(keys->find("\"d\""), std::string::npos) << "no private member";
  SandboxOptions provider;
  provider.settings.auto_consent_by_hint = true;
  provider.clients[0].auth_method = "private_key_jwt";
  provider.clients[0].jwks = *keys;
  link->sandbox = std::make_shared<Sandbox>(provider, clock, random, *log);
  const std::string id = connect(*keyed, realm);
  EXPECT_FALSE(id.empty());
}

TEST_F(ClientKeysTest, a_registration_without_keys_has_no_set) {
  const auto plain = manager(options(), seams());
  EXPECT_EQ(plain->client_key_set("books").error().code, Errc::not_found);
  EXPECT_EQ(plain->client_key_set("sheets").error().code, Errc::not_found);
}

TEST_F(ClientKeysTest, what_is_wrong_with_a_key_is_said) {
  const auto error_of = [this](auto change) {
    Options wrong = with_keys();
    change(wrong.registrations[0]);
    auto made = TokenManager::make(std::move(wrong), seams());
    return made ? std::string{} : made.error().message + " " + made.error().hint;
  };
  EXPECT_NE(error_of([](auto& books) { books.client_key.algorithm = "HS256"; }).find("client_key of books"),
            std::string::npos);
  EXPECT_NE(error_of([](auto& books) { books.next_client_key.pem = Secret{"no key"}; }).find("next_client_key"),
            std::string::npos);
  EXPECT_NE(error_of([](auto& books) { books.client_key = {}; }).find("client_key"), std::string::npos);
  EXPECT_NE(error_of([](auto& books) { books.previous_client_key.pem = books.client_key.pem.clone(); }).find("same key"),
            std::string::npos);
}

TEST_F(TokenManagerTest, without_being_asked_it_starts_no_thread) {
  const auto before = threads_of_this_process();
  const auto tokens = manager(options(Threads::application), seams("grants.db", Threads::application));
  EXPECT_EQ(threads_of_this_process(), before);
  LentThread lent{*tokens};
  const auto id = connect(*tokens, realm);
  EXPECT_TRUE(tokens->get({.connection = id}).wait());
  EXPECT_EQ(threads_of_this_process(), before + 1);
  lent.take_back();
  EXPECT_EQ(text(tokens->get({.connection = "con_1"}).wait()), "gone");
}

TEST_F(TokenManagerTest, threads_that_it_was_asked_for_end_with_it) {
  const auto before = threads_of_this_process();
  auto tokens = manager(options(), seams());
  EXPECT_GT(threads_of_this_process(), before);
  tokens.reset();
  EXPECT_EQ(threads_of_this_process(), before);
}

TEST_F(TokenManagerTest, one_that_nobody_ran_ends_at_once) {
  manager(options(Threads::application), seams("grants.db", Threads::application)).reset();
}

TEST_F(TokenManagerTest, run_says_what_keeps_it_from_running) {
  manager(options(), seams()).reset();
  auto with_another = seams("grants.db", Threads::application);
  with_another.kek = std::move(*kek_from_text(Secret{std::string(64, 'b')}));
  const auto tokens = manager(options(Threads::application), std::move(with_another));
  EXPECT_EQ(tokens->run().error().code, Errc::key_unavailable);
  EXPECT_EQ(tokens->run().error().code, Errc::conflict);
}

// Coroutines ------------------------------------------------------------------------------------------------------------

// A coroutine of the application's, which knows nothing of evergrant's.
struct Fire {
  struct promise_type {
    Fire get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

Fire read_into(TokenManager& tokens, std::string id, std::promise<std::string>& result, std::thread::id& where) {
  const auto lease = co_await tokens.get({.connection = id});
  where = std::this_thread::get_id();
  result.set_value(lease ? std::string{lease->reveal()} : std::string{to_string(lease.error().code)});
}

TEST_F(TokenManagerTest, a_coroutine_goes_on_at_once_where_nothing_is_waited_for) {
  const auto tokens = manager(options(), seams());
  const auto id = connect(*tokens, realm);
  const auto expected = text(tokens->get({.connection = id}).wait());
  std::promise<std::string> result;
  std::thread::id where;
  read_into(*tokens, id, result, where);
  EXPECT_EQ(where, std::this_thread::get_id());
  EXPECT_EQ(result.get_future().get(), expected);
}

TEST_F(TokenManagerTest, a_coroutine_that_waited_goes_on_where_the_application_says) {
  std::promise<std::coroutine_handle<>> posted;
  Options with = options();
  with.resume = [&](std::coroutine_handle<> waiter) { posted.set_value(waiter); };
  const auto tokens = manager(std::move(with), seams());
  std::promise<std::string> result;
  std::thread::id where;
  read_into(*tokens, "con_none", result, where);
  posted.get_future().get().resume();
  EXPECT_EQ(where, std::this_thread::get_id());
  EXPECT_EQ(result.get_future().get(), "not_found");
}

TEST_F(TokenManagerTest, without_a_word_from_the_application_it_goes_on_on_the_engine) {
  const auto tokens = manager(options(Threads::application), seams("grants.db", Threads::application));
  LentThread lent{*tokens};
  std::promise<std::string> result;
  std::thread::id where;
  read_into(*tokens, "con_none", result, where);
  EXPECT_EQ(result.get_future().get(), "not_found");
  EXPECT_EQ(where, lent.id());
}

}  // namespace
}  // namespace evergrant::inline library
