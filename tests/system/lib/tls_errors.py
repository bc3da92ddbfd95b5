# SPDX-License-Identifier: MIT
"""A work-around for Python 3.13 with OpenSSL 3.5 (Debian 13): a write that fails with EPIPE leaves
its error in the thread's queue of OpenSSL, and the next read, of whatever connection, takes it for
its own. A test that goes on with other connections after an error forgets it first."""

import ssl


def forget_tls_errors():
    """Empties the thread's queue: Python does so where no cipher of a list is known."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers("none-such")
    except ssl.SSLError:
        pass
