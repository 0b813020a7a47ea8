"""Keep-alive HTTP clients in threads, for a server that must not lose a request."""

import http.client
import threading
import time


class Load:
    """clients threads that each send request after request until stop(), or seconds are over.

    A request counts as failed if it does not get its whole answer with status 200 within
    timeout; the client then connects anew and goes on.
    """

    def __init__(self, host, port, clients=8, paths=("/",), seconds=3600, timeout=20,
                 expect=(200,), pause=0.0):
        self.host, self.port, self.paths = host, port, paths
        self.timeout, self.expect, self.pause = timeout, expect, pause
        self.deadline = time.monotonic() + seconds
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.done, self.failures, self.slowest = 0, [], 0.0
        self.threads = [threading.Thread(target=self._client, args=(n,), daemon=True)
                        for n in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(self.timeout + 5)

    def wait_served(self, count, timeout=20):
        """Waits until count more requests have been answered; False if they were not."""
        goal, deadline = self.done + count, time.monotonic() + timeout
        while self.done < goal:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def _client(self, number):
        connection = None
        turn = number
        while not self.stopping.is_set() and time.monotonic() < self.deadline:
            started = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(self.host, self.port,
                                                            timeout=self.timeout)
                connection.request("GET", self.paths[turn % len(self.paths)])
                answer = connection.getresponse()
                answer.read()
                problem = None if answer.status in self.expect else f"status {answer.status}"
            except (OSError, http.client.HTTPException) as error:
                problem = f"{type(error).__name__}: {error}"
                connection.close()
                connection = None
            turn += 1
            with self.lock:
                self.done += 1
                self.slowest = max(self.slowest, time.monotonic() - started)
                if problem:
                    self.failures.append(problem)
            if problem or self.pause:
                self.stopping.wait(max(self.pause, 0.01 if problem else 0))
        if connection:
            connection.close()

    def summary(self):
        text = (f"{self.done} requests, {len(self.failures)} failed,"
                f" slowest {self.slowest * 1e3:.1f} ms")
        if self.failures:
            text += f" (first: {self.failures[0]})"
        return text
