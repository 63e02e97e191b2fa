#include "sandbox/pages.hpp"

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "sandbox/answers.hpp"

namespace evergrant {
namespace {

constexpr std::string_view style = R"(
:root{color-scheme:light dark;--ground:#f4f5f7;--card:#fff;--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--tint:#eef4fb;--go:#0b62c4}
@media(prefers-color-scheme:dark){:root{--ground:#12161c;--card:#1b212a;--ink:#e8ecf2;--soft:#9aa6b5;--line:#323b48;--tint:#212c3a;--go:#2f73cc}}
*{box-sizing:border-box}
body{margin:0;padding:2rem 1rem;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:34rem;margin:0 auto;padding:1.75rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
main.wide{max-width:52rem}
.mark{margin:0 0 1rem;font-size:.85rem;color:var(--soft)}
.mark b{padding:.15rem .5rem;border:1px solid var(--line);border-radius:1rem;font-weight:600}
h1{margin:0 0 .5rem;font-size:1.4rem;line-height:1.25}
h2{margin:1.75rem 0 .5rem;font-size:1rem}
p{margin:.5rem 0}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
ul{margin:.25rem 0;padding-left:1.25rem}
fieldset{margin:1.5rem 0 0;padding:0;border:0}
legend{padding:0;font-weight:600}
label.choice{display:flex;gap:.75rem;align-items:center;margin-top:.5rem;padding:.6rem .8rem;border:1px solid var(--line);border-radius:.5rem;cursor:pointer}
label.choice:hover,label.choice:has(input:checked){background:var(--tint)}
label.choice:has(input:checked){border-color:var(--go)}
label.choice span{display:block}
.soft{color:var(--soft);font-size:.9rem}
label.other{display:block;margin-top:1rem}
input[type=text]{display:block;width:100%;margin-top:.35rem;padding:.6rem .7rem;border:1px solid var(--line);border-radius:.5rem;background:var(--card);color:inherit;font:inherit}
.answers{display:flex;gap:.75rem;margin-top:1.75rem}
button{padding:.6rem 1.4rem;border:1px solid var(--line);border-radius:.5rem;background:transparent;color:inherit;font:inherit;cursor:pointer}
button.go{border-color:var(--go);background:var(--go);color:#fff;font-weight:600}
:focus-visible{outline:3px solid var(--go);outline-offset:2px}
table{width:100%;border-collapse:collapse;font-size:.92rem}
td{padding:.4rem .75rem .4rem 0;border-top:1px solid var(--line);vertical-align:top}
pre{margin:.5rem 0;padding:.8rem;overflow-x:auto;background:var(--tint);border-radius:.5rem;font:.85rem/1.45 ui-monospace,monospace}
)";

std::string document(std::string_view title, std::string_view body, bool wide = false) {
  std::string page = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  page += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n";
  page += "<title>" + html_escape(title) + "</title>\n<style>" + std::string{style} + "</style>\n</head>\n<body>\n";
  page += std::string{"<main"} + (wide ? " class=\"wide\"" : "") +
          ">\n<p class=\"mark\"><b>Sandbox</b> nothing here is real</p>\n";
  page += body;
  return page + "</main>\n</body>\n</html>\n";
}

std::string_view meaning_of(std::string_view scope) {
  if (scope == "com.intuit.quickbooks.accounting") return "Read and change the books of the company";
  if (scope == "com.intuit.quickbooks.payment") return "Process payments of the company";
  if (scope == "openid") return "Know who you are";
  if (scope == "profile") return "See your name";
  if (scope == "email") return "See your e-mail address";
  if (scope == "phone") return "See your telephone number";
  if (scope == "address") return "See your postal address";
  return "";
}

std::string scope_list(const std::vector<std::string>& scopes) {
  std::string list = "<ul>\n";
  for (const auto& scope : scopes) {
    const std::string name = "<code>" + html_escape(printable(scope)) + "</code>";
    const std::string_view meaning = meaning_of(scope);
    list +=
        "<li>" + (meaning.empty() ? name : std::string{meaning} + " <span class=\"soft\">" + name + "</span>") + "</li>\n";
  }
  return list + "</ul>\n";
}

std::string company_choice(const Company& company, bool chosen) {
  const std::string realm = html_escape(company.realm);
  return R"(<label class="choice"><input type="radio" name="realm" value=")" + realm + '"' + (chosen ? " checked" : "") +
         "><span><span>" + html_escape(company.name) + R"(</span><span class="soft"><code>)" + realm +
         "</code></span></span></label>\n";
}

std::string row(std::string_view name, std::string_view value) {
  return "<tr><td>" + std::string{name} + "</td><td><code>" + html_escape(value) + "</code></td></tr>\n";
}

// Where the redirect leads, for people: scheme, host and port.
std::string_view origin_of(std::string_view uri) {
  const auto authority = uri.find("://");
  if (authority == std::string_view::npos) return uri;
  return uri.substr(0, uri.find_first_of("/?", authority + 3));
}

}  // namespace

std::string consent_page(const AuthorizationAsk& ask, const std::vector<Company>& companies, std::string_view form_token) {
  constexpr std::size_t shown = 20;
  std::string body = "<h1>Connect a company?</h1>\n<p>The application <b>" + html_escape(printable(ask.client_id)) +
                     "</b> at <code>" + html_escape(printable(origin_of(ask.redirect_uri))) + "</code> asks to:</p>\n";
  body += scope_list(ask.scope);
  body += "<form method=\"post\" action=\"/authorize/consent\">\n<input type=\"hidden\" name=\"form\" value=\"" +
          html_escape(form_token) + "\">\n<fieldset>\n<legend>Company</legend>\n";
  for (std::size_t i = 0; i < companies.size() && i < shown; ++i) body += company_choice(companies[i], i == 0);
  body +=
      "</fieldset>\n<label class=\"other\">Or another realm <span class=\"soft\">(any id: a company is made for it)</span>"
      "<input type=\"text\" name=\"new_realm\" maxlength=\"64\" pattern=\"[A-Za-z0-9._\\-]+\" autocomplete=\"off\" "
      "placeholder=\"such as 4620816365000000042\"></label>\n";
  body +=
      "<div class=\"answers\"><button class=\"go\" name=\"decision\" value=\"connect\">Connect</button>"
      "<button name=\"decision\" value=\"cancel\" formnovalidate>Cancel</button></div>\n</form>\n";
  return document("Connect a company", body);
}

std::string refusal_page(std::string_view error, std::string_view description) {
  return document("Cannot go on", "<h1>This request cannot go on</h1>\n<p>" + html_escape(printable(description)) +
                                      "</p>\n<p class=\"soft\"><code>" + html_escape(printable(error)) + "</code></p>\n");
}

std::string start_page(const SandboxState& state) {
  const std::string& base = state.options.base_url;
  std::string body =
      "<h1>A provider to try things with</h1>\n<p>An OAuth authorization server and a small accounting API that "
      "behave like QuickBooks Online, and misbehave when told to. It runs on this machine only; its companies "
      "are invented.</p>\n";
  body += "<h2>Endpoints</h2>\n<table>\n" + row("Metadata", base + "/.well-known/openid_configuration") +
          row("Issuer", state.issuer()) + row("Authorization", base + "/authorize") + row("Token", base + "/token") +
          row("Revocation", base + "/revoke") + row("Userinfo", base + "/userinfo") + row("Keys", base + "/jwks") +
          row("API", base + "/v3/company/{realmId}/…") + "</table>\n";
  body += "<h2>Companies</h2>\n<table>\n";
  for (std::size_t i = 0; i < state.companies.size() && i < 20; ++i) {
    body += row(html_escape(state.companies[i].name), state.companies[i].realm);
  }
  body += "</table>\n";
  if (state.options.control) {
    body +=
        "<h2>Control</h2>\n<ul>\n<li><a href=\"/control/grants\">Grants</a>: what this provider knows of each</li>\n"
        "<li><a href=\"/control/requests\">Requests</a> that came in</li>\n<li><a href=\"/control/faults\">Faults</a>, "
        "<a href=\"/control/settings\">settings</a>, <a href=\"/control/clock\">clock</a>, "
        "<a href=\"/control/clients\">clients</a></li>\n</ul>\n<p>Let the next refresh be processed, and its answer be "
        "lost:</p>\n";
    body += "<pre>curl " + html_escape(base) + "/control/faults -H 'Content-Type: application/json' \\\n  -d '" +
            html_escape(R"({"endpoint":"token","grant_type":"refresh_token","count":1,"drop":"after"})") + "'</pre>\n";
  }
  return document("Sandbox provider", body, true);
}

HttpResponse page_answer(int status, std::string html) {
  // form-action is left out: browsers apply it to the redirects after the form too, and those lead to the application.
  static const std::string policy =
      "default-src 'none'; style-src 'sha256-" + base64_encode(sha256(style)) + "'; base-uri 'none'; frame-ancestors 'none'";
  HttpResponse response = html_answer(status, std::move(html));
  response.headers.add("Content-Security-Policy", policy);
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.headers.add("Referrer-Policy", "no-referrer");
  return response;
}

}  // namespace evergrant
