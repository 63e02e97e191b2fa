// The official intuit-oauth package against the sandbox: its whole flow, as an application would use it.
// Usage: node flow.mjs http://127.0.0.1:9500   (a running `evergrant sandbox`; exit code 0: all steps passed)
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const OAuthClient = require('intuit-oauth');

const base = (process.argv[2] ?? 'http://127.0.0.1:9500').replace(/\/$/, '');
const realm = '4620816365000000001';
const redirectUri = 'http://127.0.0.1:8000/callback';
// The package compares ID tokens with Intuit's own issuer, whatever endpoints it is given.
const issuer = 'https://oauth.platform.intuit.com/op/v1';

async function control(method, path, body) {
  const response = await fetch(`${base}/control${path}`, {
    method,
    headers: body ? { 'Content-Type': 'application/json' } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  assert.ok(response.ok, `control ${path}: ${response.status} ${await response.clone().text()}`);
  return response.status === 204 ? {} : response.json();
}

function makeClient() {
  const client = new OAuthClient({
    clientId: 'sandbox-client',
    clientSecret: 'sandbox-secret',
    environment: 'sandbox',
    redirectUri,
    includeRefreshTokenHardExpiresIn: true,
  });
  client.setAuthorizeURLs({
    authorizeEndpoint: `${base}/connect/oauth2`,
    tokenEndpoint: `${base}/oauth2/v1/tokens/bearer`,
    revokeEndpoint: `${base}/v2/oauth2/tokens/revoke`,
    userInfoEndpoint: `${base}/v1/openid_connect/userinfo`,
  });
  OAuthClient.environment.sandbox = `${base}/`;
  OAuthClient.jwks_uri = `${base}/op/v1/jwks`;
  OAuthClient.retryConfig.maxRetries = 0;
  return client;
}

// What the browser would do: follow the link, have the hint consent, and come back to the redirect URI.
async function consent(client, hint) {
  const { Accounting, OpenId, Email } = OAuthClient.scopes;
  const url = client.authorizeUri({ scope: [Accounting, OpenId, Email], state: 'a-state' });
  const response = await fetch(`${url}&login_hint=${encodeURIComponent(hint)}`, { redirect: 'manual' });
  assert.equal(response.status, 303);
  return response.headers.get('location');
}

const steps = [];
const step = (name, run) => steps.push([name, run]);
const client = makeClient();

step('the customer may refuse', async () => {
  const location = new URL(await consent(client, 'deny'));
  assert.equal(location.searchParams.get('error'), 'access_denied');
});

step('the code becomes tokens', async () => {
  const response = await client.createToken(await consent(client, `realm:${realm}`));
  const token = response.getToken();
  assert.equal(token.realmId, realm);
  assert.equal(token.token_type, 'bearer');
  assert.equal(token.expires_in, 3600);
  assert.equal(token.x_refresh_token_expires_in, 8726400);
  assert.ok(response.getIntuitTid());
  assert.ok(client.isAccessTokenValid());
});

step('the ID token verifies against the key set', async () => {
  assert.equal(await client.validateIdToken(), true);
});

step('an API call reads the company', async () => {
  const answer = await client.makeApiCall({ url: `v3/company/${realm}/companyinfo/${realm}` });
  assert.equal(answer.json.CompanyInfo.CompanyName, 'Sandbox Company US 1');
});

step('userinfo names the administrator', async () => {
  const response = await client.getUserInfo();
  assert.equal(response.json.emailVerified, true);
});

step('a refresh gives a new access token and keeps the refresh token', async () => {
  const before = { ...client.getToken() };
  await client.refresh();
  assert.notEqual(client.getToken().access_token, before.access_token);
  assert.equal(client.getToken().refresh_token, before.refresh_token);
  await client.refreshUsingToken(before.refresh_token);
});

step('an expired access token is 401, and a refresh mends it', async () => {
  const { grants } = await control('GET', `/grants?realm=${realm}`);
  await control('POST', `/grants/${grants.at(-1).id}/expire`, { what: 'access' });
  const call = { url: `v3/company/${realm}/companyinfo/${realm}` };
  await assert.rejects(client.makeApiCall(call), (error) => error.code === '401' && Boolean(error.intuitTid));
  await client.refresh();
  assert.equal((await client.makeApiCall(call)).status, 200);
});

step('a validation fault is read as one', async () => {
  const call = { url: `v3/company/${realm}/customer`, method: 'POST', body: {} };
  await assert.rejects(client.makeApiCall(call), (error) => error.faultType === 'ValidationFault');
});

step('a bad refresh token is invalid_grant', async () => {
  await assert.rejects(client.refreshUsingToken('RT1-1-H0-1nonsense'), (error) => {
    assert.equal(error.error, 'invalid_grant');
    assert.equal(error.error_description, 'Incorrect or invalid refresh token');
    return true;
  });
});

step('a revocation ends the grant, and a second one is refused', async () => {
  const refreshToken = client.getToken().refresh_token;
  await client.revoke({ refresh_token: refreshToken });
  await assert.rejects(client.refreshUsingToken(refreshToken), (error) => error.error === 'invalid_grant');
  await assert.rejects(client.revoke({ refresh_token: refreshToken }));
});

await control('POST', '/settings', { issuer });
let failed = 0;
for (const [name, run] of steps) {
  try {
    await run();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}: ${error.stack ?? error.originalMessage ?? error.message}`);
    break;
  }
}
await control('POST', '/settings', { issuer: '' });
process.exitCode = failed === 0 ? 0 : 1;
