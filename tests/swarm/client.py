# SPDX-License-Identifier: MIT
"""A client on another host, as the door sees it: plain sockets, HTTP/1.1, certificates checked."""
import http.client
import json
import socket
import ssl


class Connection:
    """One connection to the door, which may carry several requests."""

    def __init__(self, address, site, authority=None, proxy_header=b"", timeout=10):
        self.site = site
        port = 443 if authority else 80
        raw = socket.create_connection((address, port), timeout)
        try:
            raw.sendall(proxy_header)
            if authority:
                context = ssl.create_default_context(cafile=str(authority))
                raw = context.wrap_socket(raw, server_hostname=site)
        except BaseException:
            raw.close()
            raise
        self.http = http.client.HTTPConnection(address)
        self.http.sock = raw

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.close()

    def start(self, path="/"):
        """Sends a GET and gives the response with its body unread."""
        self.http.request("GET", path, headers={"Host": self.site})
        return self.http.getresponse()

    def get(self, path="/"):
        response = self.start(path)
        return response, response.read()

    def serial(self):
        """The serial number of the certificate that the door showed."""
        return int(self.http.sock.getpeercert()["serialNumber"], 16)


class Client:
    """Makes connections to one door."""

    def __init__(self, address, authority):
        self.address, self.authority = address, authority

    def connect(self, site, **options):
        return Connection(self.address, site, self.authority, **options)

    def connect_plain(self, site):
        return Connection(self.address, site)

    def ask(self, site, **options):
        """What the service says about itself and the request, over a new connection."""
        with self.connect(site, **options) as connection:
            response, body = connection.get("/")
            assert response.status == 200, f"{response.status} {body!r}"
            return json.loads(body)

    def serial(self, site):
        with self.connect(site) as connection:
            return connection.serial()
