"""The provider's keys and how it signs with them: JWK and JWS by python3-cryptography, with nothing of evergrant in it."""

import base64
import functools
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ES256_HALF = 32  # bytes of r and of s (RFC 7518 3.4)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def of_number(number, length=None):
    return base64url(number.to_bytes(length or (number.bit_length() + 7) // 8, "big"))


class Key:
    """A private key that signs by one algorithm, and the members its public JWK has. `alg` None: the JWK names none."""

    def __init__(self, private, alg, kid):
        self.private, self.alg, self.kid = private, alg, kid

    def jwk(self, **changes):
        """The public JWK; a change to None takes a member away."""
        members = {**public_members(self.private), "kid": self.kid, "alg": self.alg, "use": "sig", **changes}
        return {name: value for name, value in members.items() if value is not None}

    def sign(self, data):
        return SIGNERS[self.alg](self.private, data)


def public_members(private):
    if isinstance(private, rsa.RSAPrivateKey):
        numbers = private.public_key().public_numbers()
        return {"kty": "RSA", "n": of_number(numbers.n), "e": of_number(numbers.e)}
    if isinstance(private, ec.EllipticCurvePrivateKey):
        numbers = private.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": of_number(numbers.x, ES256_HALF), "y": of_number(numbers.y, ES256_HALF)}
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(raw)}


def sign_ec(private, data):
    r, s = utils.decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(ES256_HALF, "big") + s.to_bytes(ES256_HALF, "big")


SIGNERS = {
    "RS256": lambda private, data: private.sign(data, padding.PKCS1v15(), hashes.SHA256()),
    "PS256": lambda private, data: private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
    "ES256": sign_ec,
    "EdDSA": lambda private, data: private.sign(data),
    "HS256": lambda secret, data: hmac.digest(secret, data, "sha256"),
    "none": lambda _, data: b"",
}


def make_key(alg, kid):
    if alg == "ES256":
        return Key(ec.generate_private_key(ec.SECP256R1()), alg, kid)
    if alg == "EdDSA":
        return Key(ed25519.Ed25519PrivateKey.generate(), alg, kid)
    return Key(rsa.generate_private_key(65537, 2048), alg, kid)


def with_alg(key, alg):
    """The same key, used by another algorithm of its family."""
    return Key(key.private, alg, key.kid)


def sign_jwt(claims, key, **header):
    """A compact JWS; a header changed to None is left out."""
    members = {"alg": key.alg, "kid": key.kid, "typ": "JWT", **header}
    members = {name: value for name, value in members.items() if value is not None}
    data = f"{base64url(json.dumps(members).encode())}.{base64url(json.dumps(claims).encode())}"
    return f"{data}.{base64url(key.sign(data.encode()))}"


def with_broken_signature(token):
    """One bit of the signature flipped; the shape stays."""
    head, _, signature = token.rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
    raw[len(raw) // 2] ^= 1
    return f"{head}.{base64url(bytes(raw))}"


def at_hash(access_token):
    """OpenID Connect Core 3.1.3.6, for algorithms that hash with SHA-256."""
    return base64url(hashlib.sha256(access_token.encode()).digest()[:16])


@functools.cache
def decoys(kid):
    """Keys that share the kid of the good one and differ in kind, algorithm or use: none may be chosen (FAPI 2.0 5.4.3)."""
    other = make_key("RS256", kid)
    return [
        other.jwk(),
        other.jwk(alg="PS256", use="enc"),
        other.jwk(alg="RSA-OAEP", use="enc"),
        make_key("ES256", kid).jwk(),
        make_key("EdDSA", kid).jwk(),
        {"kty": "made-up", "kid": kid, "alg": "PS256", "use": "sig", "value": "AQAB"},
    ]
