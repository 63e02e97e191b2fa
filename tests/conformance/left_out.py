"""The suite's client modules that are not run, and why."""

FAPI2 = "fapi2-security-profile-final-client-test-"

LEFT_OUT = (
    (("oidcc-client-test-userinfo-bearer-body",),
     "evergrant sends access tokens in the `Authorization` header only: RFC 6750 2.2 leaves the body to clients that cannot, "
     "and FAPI 2.0 forbids it"),
    (("oidcc-client-test-form-post-error", "oidcc-client-formpost-basic-certification-test-plan"),
     "authorization responses are taken in the query only; a registration that asks for `form_post` is refused at the start"),
    (("oidcc-client-test-missing-athash", "oidcc-client-test-invalid-chash", "oidcc-client-test-missing-chash",
      "oidcc-client-hybrid-certification-test-plan", "oidcc-client-implicit-certification-test-plan"),
     "hybrid and implicit flow: evergrant has the code flow only. In it `at_hash` may be missing"),
    (("oidcc-client-test-dynamic-registration", "oidcc-client-test-request-uri-signed-rs256",
      "oidcc-client-test-request-uri-signed-none"),
     "dynamic client registration and request objects by reference: clients are registered by an operator"),
    (("oidcc-client-test-discovery-webfinger-acct", "oidcc-client-test-discovery-webfinger-url"),
     "WebFinger: the issuer comes from the configuration, never from the person who signs in"),
    (("oidcc-client-test-3rd-party-init-login",), "a flow is begun by the application, by a one-time link, and by nobody else"),
    (("oidcc-client-test-mtls-endpoint-aliases",), "mTLS client authentication is not offered"),
    (("oidcc-client-test-rp-init-logout*", "oidcc-client-test-rp-backchannel-*", "oidcc-client-test-rp-frontchannel-*",
      "oidcc-client-test-session-management"),
     "logout and sessions: evergrant holds grants, and no sessions of people"),
    ((FAPI2 + "happy-path", FAPI2 + "happy-path-no-dpop-nonce", FAPI2 + "happy-path-no-mtls-endpoint-aliases"),
     "pushed authorization requests and sender-constrained tokens; without them the flow is that of `oidcc-client-test`"),
    ((FAPI2 + "rs-dpop-auth-scheme-case-insensitivity",), "DPoP"),
    ((FAPI2 + "ensure-jarm-*",), "JARM: authorization responses are plain"),
    ((FAPI2 + "grant-management-*",), "grant management is not offered"),
    ((FAPI2 + "invalid-openbanking-intent-id",), "belongs to one ecosystem"),
)
