"""The connection from the service to Stripe, which the drill interrupts."""

import socket
import threading

from lab.page import STRIPE

ADDRESS = ("127.0.0.1", 4243)
URL = "http://127.0.0.1:4243"


class StripeProxy:
    """Forwards connections to the Stripe simulator while it is open. Connections to a closed proxy are refused."""

    def __init__(self):
        self._host, port = STRIPE.removeprefix("http://").split(":")
        self._port, self._listener, self._connections = int(port), None, []
        self.open()

    def open(self):
        self._listener = socket.create_server(ADDRESS, reuse_port=True)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self):
        """Stops listening and closes all open connections."""
        # Without a shutdown, the thread that waits in `accept` keeps the listener open.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            _shut_down(connection)
        self._connections = []

    def _accept(self, listener):
        while True:
            try:
                service, _ = listener.accept()
            except OSError:
                return
            simulator = socket.create_connection((self._host, self._port))
            self._connections += [service, simulator]
            for pair in ((service, simulator), (simulator, service)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    _shut_down(sink)


def _shut_down(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
