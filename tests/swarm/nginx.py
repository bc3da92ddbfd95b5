# SPDX-License-Identifier: MIT
"""Debian's nginx with the best that its configuration has for a Swarm, for comparison."""
import os
import signal

PORT = 8443

CONFIGURATION = """\
daemon off;
worker_processes 2;
pid {scratch}/nginx.pid;
error_log {scratch}/error.log;
events {{ worker_connections 1000; }}
http {{
    access_log off;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    resolver {resolver} valid=1s ipv6=off;
    resolver_timeout 2s;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
    server {{
        listen {port} ssl;
        ssl_certificate {certificates}/swarm.pem;
        ssl_certificate_key {certificates}/request.pem;
        location / {{
            set $tasks tasks.{service};
            proxy_pass http://$tasks:5000;
            proxy_http_version 1.1;
            proxy_connect_timeout 250ms;
            proxy_next_upstream error timeout http_502 http_503;
            proxy_next_upstream_tries 3;
            proxy_read_timeout 60s;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""


class Nginx:
    """It runs in an Edge. `configure` is for the first time, too; later ones need `reload`."""

    def __init__(self, edge, scratch, certificates, service):
        self.edge, self.scratch = edge, scratch
        self.certificates, self.service = certificates, service

    def configure(self, resolver="127.0.0.11"):
        (self.scratch / "nginx.conf").write_text(CONFIGURATION.format(
            scratch=self.scratch, port=PORT, certificates=self.certificates, service=self.service,
            resolver=resolver))

    def start(self):
        self.edge.run(self.scratch / "out.log", "nginx", "-c", self.scratch / "nginx.conf",
                      "-e", self.scratch / "error.log")

    def reload(self):
        os.kill(self.edge.process.pid, signal.SIGHUP)
