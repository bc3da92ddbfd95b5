# SPDX-License-Identifier: MIT
"""Services behind TLS: Debian's nginx with a certificate of a test's authority, and a raw one whose
every byte a test writes."""

import contextlib
import os
import socket
import ssl
import threading

from .listen import listen
from .program import Nginx

INSIDE = """
        ssl_certificate {chain}; ssl_certificate_key {key};
        location /echo { return 200 "$server_protocol $host $ssl_server_name $ssl_session_reused"; }
        location /data { alias {root}/data; }
"""


class TlsNginx(Nginx):
    """nginx that speaks TLS. `authority` signs its certificate for `names`; `http2`: by ALPN;
    `days` below 0: a certificate that has ended. With `plain_h2` it speaks HTTP/2 without TLS."""

    def __init__(self, authority, names=("service.test",), http2=False, days=20, inside=""):
        super().__init__()
        authority.write(self.folder, list(names), chain="own.pem", key="own.key", days=days)
        self.http2 = http2
        self.server = (INSIDE + inside).replace("{chain}", str(self.folder / "own.pem")).replace(
            "{key}", str(self.folder / "own.key"))

    def configure(self):
        command, environment = super().configure()
        config = self.folder / "nginx.conf"
        options = " ssl http2" if self.http2 else " ssl"
        text = config.read_text().replace(f"listen 127.0.0.1:{self.port};",
                                          f"listen 127.0.0.1:{self.port}{options};")
        config.write_text(text)
        return command, environment

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"


class RawTls:
    """Accepts TLS connections and gives each to `talk(connection, number)` in a thread."""

    def __init__(self, authority, folder, talk, names=("service.test",), alpn=("http/1.1",)):
        authority.write(folder, list(names), chain="raw.pem", key="raw.key")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(os.path.join(folder, "raw.pem"),
                                     os.path.join(folder, "raw.key"))
        if alpn:
            self.context.set_alpn_protocols(list(alpn))
        self.talk = talk
        self.count = 0
        self.socket = listen()
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self._serve, args=(plain, self.count), daemon=True).start()

    def _serve(self, plain, number):
        with contextlib.suppress(OSError), plain:
            plain.settimeout(30)
            with self.context.wrap_socket(plain, server_side=True) as connection:
                self.talk(connection, number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
