/* SPDX-License-Identifier: MIT */
/* The page of the demo service: no external asset, light and dark, useful without JavaScript. */
#ifndef HIVEDOOR_SRC_CLI_DEMO_PAGE_H
#define HIVEDOOR_SRC_CLI_DEMO_PAGE_H

static const char demo_page[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Hivedoor works</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n"
    "<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem}\n"
    "h1{font-size:1.6rem}code,pre{font-family:ui-monospace,monospace}\n"
    "pre{padding:.8rem;border:1px solid #8886;border-radius:.4rem;overflow:auto}\n"
    ".row{display:flex;gap:.6rem;align-items:baseline}\n"
    ".dot{width:.7rem;height:.7rem;border-radius:50%;background:#999;display:inline-block}\n"
    ".ok{background:#2a9d4a}.bad{background:#c0392b}\n"
    "</style></head><body>\n"
    "<h1>Hivedoor works</h1>\n"
    "<p>This page comes from a small service behind the door. The door ended TLS with a\n"
    "certificate of your own local authority, found the site by its name, and passed the\n"
    "request on.</p>\n"
    "<p class=\"row\"><span class=\"dot\" id=\"dot\"></span><span id=\"ws\">WebSocket: needs"
    " JavaScript to be shown</span></p>\n"
    "<p>What the service was sent (<a href=\"/headers\">/headers</a>):</p>\n"
    "<pre id=\"headers\">follow the link above</pre>\n"
    "<p>Put your own service here:</p>\n"
    "<pre>hivedoor dev app.localhost=3000</pre>\n"
    "<script>\n"
    "const ws = document.getElementById('ws'), dot = document.getElementById('dot');\n"
    "const say = (text, ok) => { ws.textContent = text; dot.className = 'dot ' + (ok ? 'ok' :"
    " 'bad'); };\n"
    "const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/ws');\n"
    "const sent = 'hello ' + Math.random();\n"
    "socket.onopen = () => socket.send(sent);\n"
    "socket.onmessage = (e) => { say(e.data === sent ? 'WebSocket: echo works' :"
    " 'WebSocket: wrong echo', e.data === sent); socket.close(); };\n"
    "socket.onerror = () => say('WebSocket: failed', false);\n"
    "fetch('/headers').then((r) => r.text()).then((t) => {"
    " document.getElementById('headers').textContent = t; });\n"
    "</script>\n"
    "</body></html>\n";

#endif
