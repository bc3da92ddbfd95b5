# SPDX-License-Identifier: MIT
"""A witness that speaks HTTP/2 only, with python3-h2 judging every frame."""

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from .message import Message
from .witness import Witness, mark_of


FRAME = 16384  # the most a frame may hold


class H2Witness(Witness):
    def _answer(self, link):
        if not hasattr(link, "h2"):
            config = h2.config.H2Configuration(client_side=False, header_encoding=None)
            link.h2 = h2.connection.H2Connection(config)
            link.h2.initiate_connection()
            link.open = {}
        data, link.pending = link.pending, b""
        try:
            for event in link.h2.receive_data(data):
                self._take_event(link, event)
            link.socket.sendall(link.h2.data_to_send())
        except h2.exceptions.ProtocolError as error:
            self.leftovers.append(f"not HTTP/2: {error!r}".encode())
            return False
        except OSError:
            return False
        return True

    def _take_event(self, link, event):
        if isinstance(event, h2.events.RequestReceived):
            link.open[event.stream_id] = _message(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            link.open[event.stream_id].body += event.data
            link.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            link.open[event.stream_id].trailers = [tuple(field) for field in event.headers]
        elif isinstance(event, h2.events.StreamReset):
            if event.stream_id in link.open:
                del link.open[event.stream_id]
                self.broken += 1
        elif isinstance(event, h2.events.StreamEnded):
            message = link.open.pop(event.stream_id)
            self.requests.append(message)
            body = mark_of(message) if message.method != b"HEAD" else b""
            link.h2.send_headers(event.stream_id, [(b":status", b"200")])
            for at in range(0, len(body), FRAME):  # the window is larger than any of them
                link.h2.send_data(event.stream_id, body[at:at + FRAME])
            link.h2.end_stream(event.stream_id)

    def __init__(self):
        self.broken = 0  # requests that were reset before their end
        super().__init__()
        self.url = self.url.replace("http:", "h2c:")


def _message(headers):
    """As HTTP/1 would say it."""
    pseudo = {name: value for name, value in headers if name.startswith(b":")}
    fields = [(name, value) for name, value in headers if not name.startswith(b":")]
    return Message(method=pseudo[b":method"], target=pseudo[b":path"],
                   fields=[(b"host", pseudo[b":authority"]), *fields])
