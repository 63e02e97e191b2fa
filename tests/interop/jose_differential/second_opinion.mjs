// The second opinion: reads, on standard input, what jose_differential wrote, verifies each token with the npm package jose, with the same keys
// and the same allowed algorithms, and prints one JSON object: how often each kind was accepted by whom, and an example of
// each difference. Where several keys fit, they are tried one after the other, as the package's documentation has it.
import { createInterface } from 'node:readline';
import { compactVerify, createLocalJWKSet, errors } from 'jose';

const sets = [];

function keysOf({ jwks, secret }) {
  if (secret) return new Uint8Array(Buffer.from(secret, 'base64'));
  try {
    return createLocalJWKSet(JSON.parse(jwks));
  } catch (error) {
    return () => { throw error; };
  }
}

async function verify(token, keys, options) {
  try {
    return await compactVerify(token, keys, options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return await compactVerify(token, key, options);
      } catch (another) {
        if (!(another instanceof errors.JWSSignatureVerificationFailed)) throw another;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

async function verdict(line) {
  const token = new Uint8Array(Buffer.from(line.token, 'base64'));
  try {
    const { payload } = await verify(token, sets[line.keys], { algorithms: line.allowed });
    return { accepted: true, payload: Buffer.from(payload).toString('base64') };
  } catch (error) {
    return { accepted: false, why: `${error.code ?? error.name}: ${error.message}` };
  }
}

const kinds = {};
const differences = {};
let total = 0;

function note(line, theirs) {
  const ours = line.ours === 'accepted';
  const kind = (kinds[line.what] ??= { both: 0, neither: 0, different: 0 });
  total += 1;
  let difference = null;
  if (ours && !theirs.accepted) difference = 'laxer';
  if (!ours && theirs.accepted) difference = `stricter: ${line.ours}`;
  if (ours && theirs.accepted && line.payload !== theirs.payload) difference = 'another payload';
  if (!difference) {
    kind[ours ? 'both' : 'neither'] += 1;
    return;
  }
  kind.different += 1;
  const key = `${line.what} | ${difference}`;
  const known = (differences[key] ??= { what: line.what, difference, count: 0, theirs: theirs.why ?? 'accepted', line });
  known.count += 1;
}

let waiting = [];
async function settle() {
  const lines = waiting;
  waiting = [];
  const theirs = await Promise.all(lines.map(verdict));
  lines.forEach((line, i) => note(line, theirs[i]));
}

for await (const text of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const line = JSON.parse(text);
  if ('set' in line) {
    sets[line.set] = keysOf(line);
    continue;
  }
  waiting.push(line);
  if (waiting.length === 256) await settle();
}
await settle();
console.log(JSON.stringify({ total, kinds, differences: Object.values(differences) }));
