// The npm package oidc-provider on a loopback port of the kernel's choice, with a person who always consents (or, as
// login_hint=deny, never). Usage: node server.mjs [OPTION…] REDIRECT_URI…
// Prints one line, "listening ISSUER". What the provider tells about itself is under /test/: GET /test/log,
// GET /test/requests, POST /test/access-ttl with a number of seconds, POST /test/rotate-keys with "now" or "at token",
// POST /test/userinfo-sub with whom UserInfo is to speak of from then on; "": of the right person.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { Provider } from 'oidc-provider';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';

const { values: given, positionals: redirectUris } = parseArgs({
  allowPositionals: true,
  options: {
    path: { type: 'string', default: '' }, // of the issuer, such as /tenants/one
    metadata: { type: 'string', default: '{path}/.well-known/openid-configuration' }, // where its document lies, and nowhere else
    clients: { type: 'string', default: '[]' }, // further ones as JSON: what differs from the usual one
  },
});
let accessTtl = 3600;
let userinfoSub = '';

// The provider's own account of what it did, from its own events.
const log = [];
const note = (event, context, more) => {
  const { client, params } = context?.oidc ?? {};
  log.push({ event, client: client?.clientId ?? '', grant_type: params?.grant_type ?? '', ...more });
};

const key = (type, options, members) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), ...members });
const newKeys = () => [
  key('rsa', { modulusLength: 2048 }, { use: 'sig', alg: 'RS256', kid: `rs-${keyGeneration}` }),
  key('rsa', { modulusLength: 2048 }, { use: 'sig', alg: 'PS256', kid: `ps-${keyGeneration}` }),
  key('ec', { namedCurve: 'P-256' }, { use: 'sig', alg: 'ES256', kid: `es-${keyGeneration}` }),
  key('ed25519', undefined, { use: 'sig', alg: 'EdDSA', kid: `ed-${keyGeneration}` }),
];
let keyGeneration = 1;
const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
// What outlives a change of keys.
const cookieKeys = [randomBytes(32).toString('hex')];
const adapter = createMemoryAdapter();

const usual = {
  redirect_uris: redirectUris,
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token'],
  scope: 'openid offline_access email',
  token_endpoint_auth_method: 'client_secret_basic',
};
const secret = 'a-secret-of-thirty-two-characters';
const clients = [
  { ...usual, client_id: 'basic', client_secret: secret },
  { ...usual, client_id: 'post', client_secret: secret, token_endpoint_auth_method: 'client_secret_post' },
  { ...usual, client_id: 'public', token_endpoint_auth_method: 'none' },
  // Not to be had without the form encoding of RFC 6749 2.3.1.
  { ...usual, client_id: 'odd:client', client_secret: 'odd%3A+:/ &=~secret' },
  { ...usual, client_id: 'es', client_secret: secret, id_token_signed_response_alg: 'ES256' },
  { ...usual, client_id: 'ps', client_secret: secret, id_token_signed_response_alg: 'PS256' },
  { ...usual, client_id: 'ed', client_secret: secret, id_token_signed_response_alg: 'EdDSA' },
  ...JSON.parse(given.clients).map((client) => ({ ...usual, ...client })),
];

async function decide(provider, request, response) {
  const { params, prompt, session, grantId } = await provider.interactionDetails(request, response);
  const finish = (result, mergeWithLastSubmission) =>
    provider.interactionFinished(request, response, result, { mergeWithLastSubmission });
  if (params.login_hint === 'deny') return finish({ error: 'access_denied', error_description: 'not today' }, false);
  if (prompt.name === 'login') return finish({ login: { accountId: params.login_hint ?? 'alice' } }, false);
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return finish({ consent: { grantId: await grant.save() } }, true);
}

// The provider takes `sub` from the account, so that one becomes another's, once the access token was found to be its own.
function claimsOf(use) {
  if (use === 'userinfo' && userinfoSub) this.accountId = userinfoSub;
  return { sub: this.accountId, email: `${this.accountId}@example.test` };
}

function makeProvider(issuer) {
  const provider = new Provider(issuer, {
    adapter,
    clients,
    jwks: { keys: newKeys() },
    cookies: { keys: cookieKeys },
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access', 'email'],
    claims: { openid: ['sub'], email: ['email'] },
    rotateRefreshToken: true,
    enabledJWA: { idTokenSigningAlgValues: algorithms, userinfoSigningAlgValues: algorithms },
    ttl: { AccessToken: () => accessTtl, AuthorizationCode: 60, IdToken: 3600, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600 },
    features: {
      devInteractions: { enabled: false },
      jwtUserinfo: { enabled: true },
      revocation: { enabled: true, allowedPolicy: () => true },
    },
    // Its own dispatcher keeps it from this machine's addresses, where evergrant's key set is here.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    interactions: { url: (_, interaction) => `${given.path}/decide/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: claimsOf }),
  });
  provider.on('grant.success', (context) => {
    const { refresh_token, id_token } = context.body;
    note('grant.success', context, { refresh_token, id_token, assertion: context.oidc.params.client_assertion });
  });
  provider.on('grant.error', (context, error) => note('grant.error', context, { error: error.error, detail: error.error_detail }));
  provider.on('grant.revoked', (context) => note('grant.revoked', context));
  provider.on('server_error', (context, error) => note('server_error', context, { error: String(error.stack) }));
  return provider;
}

async function readBody(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

let issuer;
let provider;
let answer;
const requests = [];
let rotatesAtToken = false;

// The same provider, its grants too, with other keys: the ones before are withdrawn.
function serve() {
  provider = makeProvider(issuer);
  answer = provider.callback();
}

function rotateKeys() {
  keyGeneration += 1;
  serve();
}

async function control(request, response) {
  const body = await readBody(request);
  if (request.url === '/test/log') response.write(JSON.stringify(log));
  else if (request.url === '/test/requests') response.write(JSON.stringify(requests));
  else if (request.url === '/test/access-ttl') accessTtl = Number(body);
  else if (request.url === '/test/userinfo-sub') userinfoSub = body;
  else if (request.url === '/test/rotate-keys' && body === 'now') rotateKeys();
  else if (request.url === '/test/rotate-keys' && body === 'at token') rotatesAtToken = true;
  else response.statusCode = 404;
  return response.end();
}

const standardPlace = '/.well-known/openid-configuration';
const place = given.metadata.replace('{path}', given.path);

// As a web server would that has the provider below a path, and its document where it is told to.
async function pass(request, response) {
  if (request.url === place) request.url = given.path + standardPlace;
  else if (request.url === given.path + standardPlace || !request.url.startsWith(`${given.path}/`)) {
    response.statusCode = 404;
    return response.end();
  }
  if (request.url.startsWith(`${given.path}/decide/`)) return decide(provider, request, response);
  request.originalUrl = request.url;
  request.url = request.url.slice(given.path.length);
  if (rotatesAtToken && request.url === '/token') {
    rotatesAtToken = false;
    rotateKeys();
  }
  return answer(request, response);
}

const server = createServer(async (request, response) => {
  try {
    if (request.url.startsWith('/test/')) return await control(request, response);
    requests.push(`${request.method} ${request.url}`);
    return await pass(request, response);
  } catch (error) {
    console.error(error);
    response.statusCode = 500;
    return response.end();
  }
});
server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}${given.path}`;
  serve();
  console.error(`listening ${issuer}`);
});
