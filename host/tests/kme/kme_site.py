"""What the tests of the key server share: certificates good and bad, keys, and a client that is not ours."""

import datetime
import http.client
import json
import os
import ssl
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from patience import PATIENCE_S
from qcot.kme.delivery import Kme
from qcot.kme.tls import TlsFiles
from qcot.quantum.qkd.store import Key

NOW = datetime.datetime.now(datetime.UTC)


def link_keys(count):
    """What a link would have made."""
    return [Key(uuid.uuid4(), os.urandom(32)) for _ in range(count)]


def filled(folder, count=16, **options):
    kme = Kme(folder, **({"capacity": 64} | options))
    kme.fill(link_keys(count))
    return kme


def issue(folder, file, common_names, *, days=1, authority="ca"):
    """A client certificate of the site's authority with any common names, or an expired one."""
    ca = x509.load_pem_x509_certificate((folder / f"{authority}.crt").read_bytes())
    ca_key = serialization.load_pem_private_key((folder / f"{authority}.key").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common_names]
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(names or [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "nobody")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=9))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    files = TlsFiles.of(folder, file)
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.key.write_bytes(pem)
    files.key.chmod(0o600)
    return files


class Stranger:
    """The standard library's HTTPS client with a certificate: what another maker's SAE would send."""

    def __init__(self, server, files, *, maximum=None):
        self.context = ssl.create_default_context(cafile=files.ca)
        if files.certificate.exists():
            self.context.load_cert_chain(files.certificate, files.key)
        if maximum:
            self.context.maximum_version = maximum
        self.address = (server.host, server.port)

    def ask(self, method, path, body=None, raw=None):
        """HTTP status, JSON value."""
        connection = http.client.HTTPSConnection(*self.address, context=self.context, timeout=PATIENCE_S)
        try:
            data = raw if raw is not None else None if body is None else json.dumps(body)
            connection.request(method, path, body=data, headers={"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def get(self, path):
        return self.ask("GET", f"/api/v1/keys/{path}")

    def post(self, path, body):
        return self.ask("POST", f"/api/v1/keys/{path}", body)
