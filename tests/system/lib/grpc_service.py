# SPDX-License-Identifier: MIT
"""A gRPC service and its client, both Debian's python3-grpcio, without generated code: messages are
bytes."""

import threading
from concurrent import futures

import grpc

SIZE_MAX = 16 << 20
OPTIONS = [("grpc.max_receive_message_length", SIZE_MAX), ("grpc.max_send_message_length", SIZE_MAX)]
NAME = "/test.Echo/"


class GrpcService(grpc.GenericRpcHandler):
    """Listens on 127.0.0.1. What it saw of calls is kept for the test:

    metadata   of the last call, as a dictionary
    left       seconds left to the deadline of the last call, or None
    cancelled  set when a call that waits is cancelled by its client
    waiting    set while such a call waits
    """

    def __init__(self, credentials=None, port=0, options=()):
        self.metadata = {}
        self.left = None
        self.cancelled = threading.Event()
        self.waiting = threading.Event()
        self.go_on = threading.Event()
        self.calls = 0
        self.server = grpc.server(futures.ThreadPoolExecutor(32), options=[
            *OPTIONS, ("grpc.so_reuseport", 0), *options])
        self.server.add_generic_rpc_handlers((self,))
        address = f"127.0.0.1:{port}"
        self.port = (self.server.add_secure_port(address, credentials) if credentials
                     else self.server.add_insecure_port(address))
        assert self.port
        self.server.start()

    @property
    def url(self):
        return f"h2c://127.0.0.1:{self.port}"

    def close(self, grace=None):
        self.go_on.set()
        self.server.stop(grace).wait()

    # ---- the methods ----

    def service(self, details):
        self.metadata = dict(details.invocation_metadata)
        self.calls += 1
        return {
            NAME + "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            NAME + "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            NAME + "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
            NAME + "Down": grpc.unary_stream_rpc_method_handler(self.down),
            NAME + "Up": grpc.stream_unary_rpc_method_handler(self.up),
            NAME + "Both": grpc.stream_stream_rpc_method_handler(self.both),
            NAME + "Forever": grpc.unary_stream_rpc_method_handler(self.forever),
        }.get(details.method)

    def unary(self, request, context):
        self.left = context.time_remaining()
        context.send_initial_metadata((("x-first", "1"), ("x-bytes-bin", b"\0\1\xff")))
        context.set_trailing_metadata((("x-last", "2"), ("x-last-bin", bytes(range(256)))))
        return request

    def fail(self, request, context):
        context.set_trailing_metadata((("grpc-status-details-bin", b"\x08\x05detail"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no: \u00e4 100% \n")

    def _hold(self, context):
        def over():
            if not self.go_on.is_set():
                self.cancelled.set()
        context.add_callback(over)
        self.waiting.set()

    def wait(self, request, context):
        self._hold(context)
        self.go_on.wait(30)
        return request

    def down(self, request, context):
        count, size = (int(part) for part in request.split())
        for number in range(count):
            yield bytes([number % 256]) * size

    def up(self, requests, context):
        total = sum(len(request) for request in requests)
        return str(total).encode()

    def both(self, requests, context):
        for request in requests:
            yield request.upper()

    def forever(self, request, context):
        self._hold(context)
        while context.is_active() and not self.go_on.is_set():
            yield b"tick"
            self.go_on.wait(0.01)


class GrpcClient:
    """Calls through a door; `authority` is the one its certificate is checked against."""

    def __init__(self, port, name, ca=None):
        options = [*OPTIONS, ("grpc.ssl_target_name_override", name),
                   ("grpc.default_authority", name), ("grpc.enable_retries", 0),
                   ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        credentials = grpc.ssl_channel_credentials(ca.read_bytes())
        self.channel = grpc.secure_channel(f"127.0.0.1:{port}", credentials, options=options)
        self.unary = self.channel.unary_unary(NAME + "Unary")
        self.fail = self.channel.unary_unary(NAME + "Fail")
        self.wait = self.channel.unary_unary(NAME + "Wait")
        self.none = self.channel.unary_unary(NAME + "None")
        self.down = self.channel.unary_stream(NAME + "Down")
        self.up = self.channel.stream_unary(NAME + "Up")
        self.both = self.channel.stream_stream(NAME + "Both")
        self.forever = self.channel.unary_stream(NAME + "Forever")

    def close(self):
        self.channel.close()
