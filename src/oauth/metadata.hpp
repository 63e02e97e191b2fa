// Where a provider's endpoints and keys are: from its profile, from the document it publishes, or both (metadata_mode).
// Documents and key sets are cached, fetched once for all who ask, and kept for a day while the provider fails.
// On the engine's executor only, which it must outlive.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/task.hpp"
#include "crypto/jose.hpp"
#include "model/provider.hpp"
#include "net/http.hpp"
#include "oauth/document_cache.hpp"
#include "oauth/server_metadata.hpp"

namespace evergrant {

class ProviderDirectory {
 public:
  ProviderDirectory(HttpTransport& transport, const Clock& clock, const Log& log, Metrics& metrics, CacheRules rules = {});

  // `provider` outlives the engine (a registration's). In mode fixed nothing is fetched; in mode hybrid a profile that has
  // a token endpoint of its own serves alone while the document cannot be had, so that its outage stops no refresh.
  // Errors: provider_unavailable, provider_rejected (the document cannot be used), invalid_argument (the profile).
  Task<Result<ResolvedProvider>> resolve(const Provider& provider);

  // The provider's key set. `refetch`: a token names a key that is not in it; at most once a minute.
  // Errors: provider_unavailable, provider_rejected (also a set without a usable key, whatever was in the one before),
  // unsupported (the provider has no key set).
  Task<Result<std::shared_ptr<const JwkSet>>> keys(ResolvedProvider resolved, bool refetch = false);

 private:
  Task<Result<std::shared_ptr<const ServerMetadata>>> document(const Provider& provider);
  // META-05: told, counted, and where the provider holds its endpoints an error, so that the document before serves on.
  Result<> compare(const Provider& provider, const ServerMetadata* before, ServerMetadata& now);
  void tell_skipped_keys(const std::string& url, const JwkSet& set);

  const Log& log_;
  Metrics& metrics_;
  std::map<std::string, std::string> told_moves_;  // of each provider's endpoints: where it was last said to have moved
  std::set<std::string> without_document_;         // of which a failure was logged: once, not at every call
  DocumentCache<ServerMetadata> documents_;
  DocumentCache<JwkSet> key_sets_;
};

}  // namespace evergrant
