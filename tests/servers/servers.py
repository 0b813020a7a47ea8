"""The servers run.py looks at: how each is started on loopback and what load it gets.

A server class has `binary` (its name for build.sh), start(binary, scratch) -> Child when it
serves, load(stop) -> list of functions to run in threads until stop is set, and `done`, a count
of what the load got answered. Loads raise on the first wrong answer: a server that fails under
load tests nothing.
"""

import base64
import http.client
import json
import os
import random
import socket
import struct
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harmless"))
import procs  # noqa: E402


class Unready(Exception):
    """The server did not come up; starting again takes other ports."""


class Server:
    name = binary = None
    clients = 6

    def __init__(self):
        self.done = 0
        self.lock = threading.Lock()

    def count(self, amount=1):
        with self.lock:
            self.done += amount

    def launch(self, argv, scratch, ready, seconds=30, env=None):
        with open(os.path.join(scratch, "log"), "ab") as log:
            child = procs.Child(argv, stdin=None, stderr=log, cwd=scratch,
                                env=dict(os.environ, HOME=str(scratch), **(env or {})))
        # Nothing is read from it; a full pipe would block it.
        threading.Thread(target=self._drain, args=(child,), daemon=True).start()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not child.alive():
                break
            try:
                if ready():
                    return child
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.1)
        child.close()
        with open(os.path.join(scratch, "log"), encoding="utf-8", errors="replace") as log:
            raise Unready(f"{self.name} did not come up: {log.read()[-500:]}")

    @staticmethod
    def _drain(child):
        try:
            while os.read(child.popen.stdout.fileno(), 65536):
                pass
        except (OSError, ValueError):
            pass


def http_ok(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.status == 200


class KeepAlive:
    """One HTTP connection for many requests."""

    def __init__(self, port, timeout=30):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def ask(self, method, path, body=None, headers=None, expect=(200,)):
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status not in expect:
            raise RuntimeError(f"{method} {path}: status {answer.status}: {data[:200]!r}")
        return data


class Nats(Server):
    """Publishers and subscribers, connections that come and go, and a JetStream."""

    name = binary = "nats"

    def start(self, binary, scratch):
        self.port, self.monitor = procs.free_port(), procs.free_port()
        return self.launch([binary, "-a", "127.0.0.1", "-p", str(self.port),
                            "-m", str(self.monitor), "-js", "-sd", f"{scratch}/jetstream"],
                           scratch, lambda: http_ok(self.monitor, "/healthz"))

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        reader = sock.makefile("rb")
        if not reader.readline().startswith(b"INFO "):
            raise RuntimeError("nats: no INFO")
        sock.sendall(b'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\nPING\r\n')
        if reader.readline() != b"PONG\r\n":
            raise RuntimeError("nats: no PONG")
        return sock, reader

    @staticmethod
    def message(reader):
        """The next message's payload; answers nothing but a MSG or HMSG otherwise."""
        while True:
            line = reader.readline()
            if not line:
                raise RuntimeError("nats: connection closed")
            words = line.split()
            if words[0] in (b"MSG", b"HMSG"):
                return reader.read(int(words[-1]) + 2)[:-2]
            if words[0] == b"-ERR":
                raise RuntimeError(f"nats: {line!r}")

    def round_trips(self, number, stop):
        sock, reader = self.connect()
        with sock:
            subject = f"load.{number}"
            sock.sendall(f"SUB {subject} 1\r\nSUB load.> 2 \r\nUNSUB 2 50\r\n".encode())
            while not stop.is_set():
                body = os.urandom(16).hex() * random.randrange(1, 40)
                sock.sendall(f"PUB {subject} {len(body)}\r\n{body}\r\n".encode())
                # Others' messages arrive as well until the second subscription ends.
                while self.message(reader).decode() != body:
                    pass
                self.count()

    def churn(self, stop):
        while not stop.is_set():
            sock, _ = self.connect()
            with sock:
                sock.sendall(b"SUB gone.* 1\r\nSUB load.* queue 2\r\nPING\r\n")
            self.count()

    def crowd(self, stop):
        """Many connections that mostly wait."""
        socks = [self.connect()[0] for _ in range(150)]
        for n, sock in enumerate(socks):
            sock.sendall(f"SUB crowd.{n} 1\r\n".encode())
        while not stop.wait(0.05):
            random.choice(socks).sendall(b"PUB crowd.3 2\r\nhi\r\n")
        for sock in socks:
            sock.close()

    def request(self, sock, reader, subject, body):
        inbox = f"_INBOX.{os.urandom(8).hex()}"
        sock.sendall(f"SUB {inbox} 9\r\nUNSUB 9 1\r\nPUB {subject} {inbox} {len(body)}\r\n"
                     f"{body}\r\n".encode())
        answer = json.loads(self.message(reader))
        if "error" in answer:
            raise RuntimeError(f"nats: {subject}: {answer['error']}")
        return answer

    def stream(self, stop):
        sock, reader = self.connect()
        with sock:
            name = "S" + os.urandom(4).hex()
            self.request(sock, reader, f"$JS.API.STREAM.CREATE.{name}", json.dumps(
                {"name": name, "subjects": [f"js.{name}.*"], "storage": "file",
                 "retention": "limits", "max_msgs": 5000, "num_replicas": 1}))
            n = 0
            while not stop.is_set():
                self.request(sock, reader, f"js.{name}.{n % 10}", "x" * 200)
                n += 1
                if n % 50 == 0:
                    durable = f"c{n}"
                    self.request(sock, reader, f"$JS.API.CONSUMER.DURABLE.CREATE.{name}.{durable}",
                                 json.dumps({"stream_name": name, "config": {
                                     "durable_name": durable, "ack_policy": "explicit"}}))
                    self.request(sock, reader, f"$JS.API.CONSUMER.DELETE.{name}.{durable}", "")
                self.count()

    def load(self, stop):
        work = [lambda n=n: self.round_trips(n, stop) for n in range(self.clients)]
        return work + [lambda: self.churn(stop), lambda: self.crowd(stop),
                       lambda: self.stream(stop)]


class NatsOld(Nats):
    name = binary = "nats-old"


class Etcd(Server):
    """Puts, ranges, transactions, leases and watches through the HTTP gateway."""

    name = binary = "etcd"

    def start(self, binary, scratch):
        self.port, peer = procs.free_port(), procs.free_port()
        return self.launch(
            [binary, "--name", "one", "--data-dir", f"{scratch}/data",
             "--listen-client-urls", f"http://127.0.0.1:{self.port}",
             "--advertise-client-urls", f"http://127.0.0.1:{self.port}",
             "--listen-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-cluster", f"one=http://127.0.0.1:{peer}", "--log-level", "error"],
            scratch, lambda: http_ok(self.port, "/health"))

    @staticmethod
    def b64(text):
        return base64.b64encode(text.encode()).decode()

    def post(self, client, path, body):
        return json.loads(client.ask("POST", path, json.dumps(body),
                                     {"Content-Type": "application/json"}))

    def keys(self, number, stop):
        with KeepAlive(self.port) as client:
            while not stop.is_set():
                key = self.b64(f"load/{number}/{random.randrange(500)}")
                value = self.b64(os.urandom(200).hex())
                self.post(client, "/v3/kv/put", {"key": key, "value": value})
                found = self.post(client, "/v3/kv/range", {"key": key})
                if found["kvs"][0]["value"] != value:
                    raise RuntimeError("etcd: read something else than was written")
                self.post(client, "/v3/kv/txn", {
                    "compare": [{"key": key, "target": "VALUE", "value": value}],
                    "success": [{"requestDeleteRange": {"key": key}}], "failure": []})
                self.count(3)

    def leases(self, stop):
        with KeepAlive(self.port) as client:
            while not stop.is_set():
                lease = self.post(client, "/v3/lease/grant", {"TTL": 30})["ID"]
                self.post(client, "/v3/kv/put", {"key": self.b64("leased"), "value": self.b64("x"),
                                                 "lease": lease})
                self.post(client, "/v3/lease/revoke", {"ID": lease})
                self.count(3)

    def watches(self, stop):
        """Streams that are opened, see some changes, and are closed by the client."""
        body = json.dumps({"create_request": {"key": self.b64("load/"),
                                              "range_end": self.b64("load0")}}).encode()
        while not stop.is_set():
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v3/watch", body,
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as stream:
                for _ in range(20):
                    if not stream.readline() or stop.is_set():
                        break
                    self.count()

    def load(self, stop):
        work = [lambda n=n: self.keys(n, stop) for n in range(self.clients)]
        return work + [lambda: self.leases(stop), lambda: self.watches(stop),
                       lambda: self.watches(stop)]


class EtcdOld(Etcd):
    name = binary = "etcd-old"


class Caddy(Server):
    """Static files, a proxy in front of itself, compression, and reloads of its configuration."""

    name = binary = "caddy"
    host, transport, env = "127.0.0.1", {}, {}

    def start(self, binary, scratch):
        self.port, self.origin, self.admin = (procs.free_port() for _ in range(3))
        os.makedirs(f"{scratch}/files", exist_ok=True)
        for size in (100, 20000, 1000000):
            with open(f"{scratch}/files/{size}.txt", "w", encoding="utf-8") as file:
                file.write("some text " * (size // 10))
        self.config = f"{scratch}/caddy.json"
        self.files = f"{scratch}/files"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self.configuration(0))
        return self.launch([binary, "run", "--config", self.config], scratch,
                           lambda: http_ok(self.port, "/100.txt"), env=self.env)

    def configuration(self, generation):
        origin = {"listen": [f"127.0.0.1:{self.origin}"], "automatic_https": {"disable": True},
                  "routes": [{"handle": [{"handler": "headers", "response": {
                      "set": {"X-Generation": [str(generation)]}}},
                      {"handler": "file_server", "root": self.files}]}]}
        front = {"listen": [f"127.0.0.1:{self.port}"], "automatic_https": {"disable": True},
                 "routes": [{"handle": [{"handler": "encode", "encodings": {"gzip": {}}},
                                        {"handler": "reverse_proxy",
                                         "health_checks": {"active": {"uri": "/100.txt",
                                                                      "interval": "200ms",
                                                                      "timeout": "5s"}},
                                         **self.transport,
                                         "upstreams": [{"dial": f"{self.host}:{self.origin}"}]}]}]}
        return json.dumps({"admin": {"listen": f"127.0.0.1:{self.admin}"},
                           "logging": {"logs": {"default": {"level": "ERROR"}}},
                           "apps": {"http": {"servers": {"origin": origin, "front": front}}}})

    def requests(self, number, stop):
        while not stop.is_set():
            with KeepAlive(self.port) as client:
                for _ in range(100):
                    if stop.is_set():
                        break
                    try:
                        client.ask("GET", f"/{random.choice((100, 100, 20000, 1000000))}.txt",
                                   headers={"Accept-Encoding": "gzip"} if number % 2 else {},
                                   # Right after a reload the origin may not be known as healthy.
                                   expect=(200, 502, 503))
                    except (OSError, http.client.HTTPException):
                        break  # A reload closes idle connections.
                    self.count()

    def reloads(self, stop):
        generation = 0
        while not stop.wait(1):
            generation += 1
            with KeepAlive(self.admin) as client:
                client.ask("POST", "/load", self.configuration(generation),
                           {"Content-Type": "application/json"})

    def load(self, stop):
        work = [lambda n=n: self.requests(n, stop) for n in range(self.clients)]
        return work + [lambda: self.reloads(stop)]


class CaddyOld(Caddy):
    name = binary = "caddy-old"


class CaddyCgo(Caddy):
    """With cgo: the proxy looks its origin up with the C library, for every request anew."""

    name = binary = "caddy-cgo"
    host, env = "localhost", {"GODEBUG": "netdns=cgo"}
    transport = {"transport": {"protocol": "http", "keep_alive": {"enabled": False}}}


class Prometheus(Server):
    """Scrapes itself every 200 ms and answers queries over what it scraped."""

    name = binary = "prometheus"

    def start(self, binary, scratch):
        self.port = procs.free_port()
        with open(f"{scratch}/prometheus.yml", "w", encoding="utf-8") as file:
            file.write("global:\n  scrape_interval: 200ms\n  evaluation_interval: 200ms\n"
                       "rule_files: [rules.yml]\n"
                       "scrape_configs:\n- job_name: self\n  static_configs:\n"
                       f"  - targets: ['127.0.0.1:{self.port}']\n")
        with open(f"{scratch}/rules.yml", "w", encoding="utf-8") as file:
            file.write("groups:\n- name: g\n  rules:\n  - record: r\n"
                       "    expr: sum(rate(prometheus_http_requests_total[10s]))\n")
        return self.launch([binary, f"--config.file={scratch}/prometheus.yml",
                            f"--storage.tsdb.path={scratch}/data", "--log.level=error",
                            "--web.enable-lifecycle",
                            f"--web.listen-address=127.0.0.1:{self.port}"],
                           scratch, lambda: http_ok(self.port, "/-/ready"))

    def queries(self, stop):
        wanted = ["/api/v1/query?query=up", "/metrics", "/api/v1/labels",
                  "/api/v1/query?query=sum(rate(prometheus_http_requests_total[10s]))by(handler)",
                  "/api/v1/series?match[]=up", "/api/v1/targets", "/api/v1/rules"]
        with KeepAlive(self.port) as client:
            while not stop.is_set():
                now = time.time()
                client.ask("GET", f"/api/v1/query_range?query=go_goroutines&start={now - 60}"
                                  f"&end={now}&step=1")
                client.ask("GET", random.choice(wanted))
                self.count(2)

    def reloads(self, stop):
        while not stop.wait(2):
            with KeepAlive(self.port) as client:
                client.ask("POST", "/-/reload", "")

    def load(self, stop):
        return [lambda: self.queries(stop) for _ in range(self.clients)] + \
            [lambda: self.reloads(stop)]


class CoreDns(Server):
    """Names over UDP and TCP, with a cache in front of a forward to itself."""

    name = binary = "coredns"

    def start(self, binary, scratch):
        self.port, self.origin, self.health = (procs.free_port() for _ in range(3))
        with open(f"{scratch}/hosts", "w", encoding="utf-8") as file:
            file.writelines(f"127.1.{n // 250}.{n % 250} h{n}.example.org\n" for n in range(2000))
        with open(f"{scratch}/Corefile", "w", encoding="utf-8") as file:
            file.write(f".:{self.port} {{\n bind 127.0.0.1\n cache 1\n errors\n reload 2s\n"
                       f" forward . 127.0.0.1:{self.origin}\n health 127.0.0.1:{self.health}\n}}\n"
                       f".:{self.origin} {{\n bind 127.0.0.1\n hosts {scratch}/hosts\n}}\n")
        return self.launch([binary, "-conf", f"{scratch}/Corefile"], scratch,
                           lambda: http_ok(self.health, "/health"))

    @staticmethod
    def query(ident):
        labels = f"h{random.randrange(2000)}.example.org".split(".")
        name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
        return struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1)

    def check(self, ident, answer):
        if struct.unpack(">H", answer[:2])[0] != ident or answer[3] & 15 or answer[7] != 1:
            raise RuntimeError(f"coredns: wrong answer {answer[:12].hex()}")
        self.count()

    def udp(self, stop):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self.port))
            while not stop.is_set():
                ident = random.randrange(65536)
                sock.send(self.query(ident))
                sock.settimeout(30)
                self.check(ident, sock.recv(4096))

    def tcp(self, stop):
        while not stop.is_set():
            with socket.create_connection(("127.0.0.1", self.port), timeout=30) as sock:
                reader = sock.makefile("rb")
                for _ in range(20):
                    ident = random.randrange(65536)
                    query = self.query(ident)
                    sock.sendall(struct.pack(">H", len(query)) + query)
                    self.check(ident, reader.read(struct.unpack(">H", reader.read(2))[0]))

    def load(self, stop):
        return [lambda: self.udp(stop) for _ in range(self.clients // 2)] + \
            [lambda: self.tcp(stop) for _ in range(self.clients // 2)]


SERVERS = {server.name: server for server in
           (Nats, Caddy, Etcd, CoreDns, Prometheus, CaddyCgo, NatsOld, CaddyOld, EtcdOld)}
