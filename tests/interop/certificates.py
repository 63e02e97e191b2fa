"""An authority and servers' certificates that are made on the spot, right or wrong in one point each, and an HTTPS front with
one of them before a plain HTTP server."""

import dataclasses
import datetime
import pathlib
import shutil
import ssl
import tempfile
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fault_proxy import DEADLINE_SECONDS, FaultProxy, Listener

PEM = serialization.Encoding.PEM


def elliptic():
    return ec.generate_private_key(ec.SECP256R1())


def short_rsa():
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


@dataclasses.dataclass
class Facts:
    """What a certificate says. `days`: its time, from today."""
    name: str = "localhost"
    days: tuple = (-1, 10)
    authority: bool = False
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH
    make_key: object = elliptic
    digest: hashes.HashAlgorithm = dataclasses.field(default_factory=hashes.SHA256)


class Identity:
    """A certificate and its key. `issuer`: an Identity; None: it signs itself."""

    def __init__(self, facts, issuer=None):
        self.key = facts.make_key()
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, facts.name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        first, last = (now + datetime.timedelta(days=days) for days in facts.days)
        builder = (x509.CertificateBuilder().subject_name(self.name).issuer_name(issuer.name if issuer else self.name)
                   .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(first).not_valid_after(last)
                   .add_extension(x509.BasicConstraints(ca=facts.authority, path_length=None), critical=True))
        if not facts.authority:
            builder = (builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(facts.name)]), critical=False)
                       .add_extension(x509.ExtendedKeyUsage([facts.purpose]), critical=False))
        with warnings.catch_warnings(action="ignore"):  # that SHA-1 is deprecated is the point of it
            self.chain = [builder.sign(issuer.key if issuer else self.key, facts.digest)]
        if issuer and issuer.chain[0].issuer != issuer.name:
            self.chain += issuer.chain  # an authority that clients know is not sent along

    def certificates(self):
        return b"".join(certificate.public_bytes(PEM) for certificate in self.chain)

    def private_key(self):
        return self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def server_context(identity, version=None):
    """Serves what is weak, too: it is the client that has to refuse it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    if version:
        with warnings.catch_warnings(action="ignore"):  # Python, too, thinks that this is old
            context.minimum_version = context.maximum_version = version
    folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-certificate-"))
    try:
        (folder / "both.pem").write_bytes(identity.private_key() + identity.certificates())
        context.load_cert_chain(folder / "both.pem")
    finally:
        shutil.rmtree(folder)
    return context


class TlsListener(Listener):
    def get_request(self):
        plain, address = super().get_request()
        self.proxy.handshakes += 1
        plain.settimeout(DEADLINE_SECONDS)
        return self.proxy.context.wrap_socket(plain, server_side=True), address


class TlsFront(FaultProxy):
    """Passes on what comes over TLS. `handshakes`: those begun; `seen`: the requests that came of them. `context` may be
    changed: the next handshake is by the new one."""

    listener_class = TlsListener

    def __init__(self, test, target, context):
        self.context, self.handshakes = context, 0
        super().__init__(test, target)
        self.base = f"https://localhost:{self.port}"

    def forward(self, *request):
        """Each request has a handshake of its own."""
        status, fields, body = super().forward(*request)
        return status, [*fields, ("Connection", "close")], body
