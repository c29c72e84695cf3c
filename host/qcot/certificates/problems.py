"""What can be wrong with a certificate, with what changes one, and with what asks for one."""

from __future__ import annotations

from qcot.errors import Problem

# Bytes that are not what they should be.
BAD_CERTIFICATE = Problem(
    "bad-certificate", "Ask the authority for the certificate again; it is not as docs/certificates.md has it."
)
BAD_REVOCATION = Problem(
    "bad-revocation", "Ask the authority for the revocation again; it is not as docs/certificates.md has it."
)
BAD_ROTATION = Problem("bad-rotation", "Make the rotation again with `qcot certificate rotate`.")

# Certificates that do not do for what they are shown for.
CERTIFICATE_UNKNOWN = Problem(
    "certificate-unknown", "Put the certificate on the ledger first, or ask the authority for one."
)
CERTIFICATE_FORGED = Problem(
    "certificate-forged", "Do not use it; ask the authority for the original, and find out who gave you this one."
)
CERTIFICATE_EXPIRED = Problem("certificate-expired", "Ask the authority for a new certificate of this key.")
CERTIFICATE_NOT_YET_VALID = Problem(
    "certificate-not-yet-valid", "Set the clock right, or wait until the certificate begins to be valid."
)
CERTIFICATE_REVOKED = Problem("certificate-revoked", "Make a new key and ask the authority for its certificate.")
CERTIFICATE_ROTATED = Problem("certificate-rotated", "Use the key that took the place of this one.")
CERTIFICATE_WRONG_ROLE = Problem("certificate-wrong-role", "Use the key whose certificate is for this role.")
CERTIFICATE_WRONG_SITE = Problem("certificate-wrong-site", "Use a certificate that was issued for this site.")
CERTIFICATE_WRONG_NAME = Problem("certificate-wrong-name", "Use the name that the certificate gives to this key.")
CERTIFICATE_OUTLIVES_ISSUER = Problem(
    "certificate-outlives-issuer", "Ask the authority for a certificate whose validity lies within its issuer's."
)
SERIAL_REUSED = Problem(
    "serial-reused", "Ask the authority for another certificate: its serial is already that of a different one."
)
ISSUER_UNKNOWN = Problem(
    "issuer-unknown", "Show the issuer's certificate first; only the root and the issuers it certified may issue."
)
BOARD_OF_ANOTHER_BRIDGE = Problem(
    "board-of-another-bridge",
    "Let the bridge that its certificate names serve the board; to move it, run `qcot enroll` at the new one.",
)
POLICY_FOREIGN = Problem("policy-foreign", "Set the policy that the certificate names, or have one issued for yours.")

# Revocations and rotations that do not stand.
REVOCATION_FORGED = Problem("revocation-forged", "Ignore it, and find out who gave it to you.")
REVOCATION_UNAUTHORIZED = Problem(
    "revocation-unauthorized", "Have it signed by an issuer of this site, or, for an issuer's certificate, by the root."
)
ROTATION_FORGED = Problem("rotation-forged", "Ignore it, and find out who gave it to you.")
ROTATION_REFUSED = Problem(
    "rotation-refused",
    "Let the old key sign a transaction that holds the new key's certificate, of the same name, and then its rotation.",
)

# Requests, and what an authority says of itself.
BAD_REQUEST = Problem("bad-request", "Make the request again; it is not as docs/certificates.md has it.")
REQUEST_FORGED = Problem("request-forged", "Issue nothing for it; ask for the request again from who made it.")
REQUEST_FOR_ANOTHER = Problem(
    "request-for-another", "Seal the request to this authority: copy its authority.pub again, then make the request."
)
BAD_AUTHORITY_FILE = Problem(
    "bad-authority-file", "Copy authority.pub again from the authority's home; check its fingerprint with its operator."
)
