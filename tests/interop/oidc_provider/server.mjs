// The npm package oidc-provider on a loopback port of the kernel's choice, with a person who always consents (or, as
// login_hint=deny, never). Usage: node server.mjs REDIRECT_URI…
// Prints one line, "listening ISSUER". What the provider tells about itself is under /test/: GET /test/log,
// POST /test/access-ttl with a number of seconds.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const redirectUris = process.argv.slice(2);
let accessTtl = 3600;

// The provider's own account of what it did, from its own events.
const log = [];
const note = (event, context, more) => {
  const { client, params } = context?.oidc ?? {};
  log.push({ event, client: client?.clientId ?? '', grant_type: params?.grant_type ?? '', ...more });
};

const key = (type, options, members) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), ...members });
const keys = [
  key('rsa', { modulusLength: 2048 }, { use: 'sig', alg: 'RS256', kid: 'rs' }),
  key('rsa', { modulusLength: 2048 }, { use: 'sig', alg: 'PS256', kid: 'ps' }),
  key('ec', { namedCurve: 'P-256' }, { use: 'sig', alg: 'ES256', kid: 'es' }),
  key('ed25519', undefined, { use: 'sig', alg: 'EdDSA', kid: 'ed' }),
];

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

function makeProvider(issuer) {
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access', 'email'],
    claims: { openid: ['sub'], email: ['email'] },
    rotateRefreshToken: true,
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    ttl: { AccessToken: () => accessTtl, AuthorizationCode: 60, IdToken: 3600, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600 },
    features: { devInteractions: { enabled: false }, revocation: { enabled: true, allowedPolicy: () => true } },
    interactions: { url: (_, interaction) => `/decide/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.test` }) }),
  });
  provider.on('grant.success', (context) => note('grant.success', context, { refresh_token: context.body.refresh_token }));
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

const server = createServer(async (request, response) => {
  try {
    if (request.url.startsWith('/decide/')) return await decide(provider, request, response);
    if (request.url === '/test/log') return response.end(JSON.stringify(log));
    if (request.url === '/test/access-ttl') {
      accessTtl = Number(await readBody(request));
      return response.end();
    }
    return await answer(request, response);
  } catch (error) {
    console.error(error);
    response.statusCode = 500;
    return response.end();
  }
});
let provider;
let answer;
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  provider = makeProvider(issuer);
  answer = provider.callback();
  console.error(`listening ${issuer}`);
});
