# SPDX-License-Identifier: MIT
"""Debian's nginx with the best that its configuration has for a Swarm, for comparison."""
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
    resolver 127.0.0.11 valid=1s ipv6=off;
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
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""


def configuration(scratch, certificates, service):
    return CONFIGURATION.format(scratch=scratch, port=PORT, certificates=certificates,
                                service=service)
