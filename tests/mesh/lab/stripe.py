"""The way from the service to Stripe, which can be cut."""

import socket
import threading

from lab.page import STRIPE

ADDRESS = ("127.0.0.1", 4243)
URL = "http://127.0.0.1:4243"


class Way:
    """Forwards connections to the simulator of Stripe while it is open; a closed one refuses them."""

    def __init__(self):
        self._host, port = STRIPE.removeprefix("http://").split(":")
        self._port, self._listener, self._open = int(port), None, []
        self.open()

    def open(self):
        self._listener = socket.create_server(ADDRESS, reuse_port=True)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self):
        """Those that are open are cut, too."""
        # A thread that waits in accept would hold the listener.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            _end(each)
        self._open = []

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((self._host, self._port))
            self._open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    _end(sink)


def _end(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
