"""Control groups for processes under test; removed at the end."""

import os
import pathlib
import time

ROOT = pathlib.Path("/sys/fs/cgroup")


class Unavailable(Exception):
    """This machine does not let us have such a group; says why."""


class Group:
    """A group with one controller, of version 2 if that has the controller, else of version 1."""

    def __init__(self, controller):
        self.version, parent = 2, ROOT
        controllers = parent / "cgroup.controllers"
        if not controllers.exists() or controller not in controllers.read_text("ascii").split():
            self.version, parent = 1, ROOT / controller
        self.path = parent / f"seep-test-{os.getpid()}"
        try:
            if self.version == 2:
                (parent / "cgroup.subtree_control").write_text(f"+{controller}", "ascii")
            self.path.mkdir()
        except OSError as error:
            raise Unavailable(f"no control group for {controller}: {error}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(200):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.02)

    def add(self, pid):
        (self.path / "cgroup.procs").write_text(str(pid), "ascii")

    def prefix(self):
        """For a command that is to run in it."""
        return ("sh", "-c", f'echo $$ >{self.path}/cgroup.procs && exec "$0" "$@"')

    def set(self, v1_name, v2_name, value):
        (self.path / (v2_name if self.version == 2 else v1_name)).write_text(str(value), "ascii")

    def get(self, v1_name, v2_name):
        return (self.path / (v2_name if self.version == 2 else v1_name)).read_text("ascii").strip()

    # What the tests need of it.

    def limit_memory(self, spare):
        """Lets it have so many bytes more than it has now."""
        used = int(self.get("memory.usage_in_bytes", "memory.current"))
        self.set("memory.limit_in_bytes", "memory.max", used + spare)

    def oom_kills(self):
        text = self.get("memory.oom_control", "memory.events")
        return int(dict(line.split() for line in text.splitlines())["oom_kill"])

    def limit_processor(self, part):
        """So much of one processor's time, in periods of 100 ms."""
        if self.version == 2:
            self.set("", "cpu.max", f"{int(part * 100000)} 100000")
        else:
            self.set("cpu.cfs_period_us", "", 100000)
            self.set("cpu.cfs_quota_us", "", int(part * 100000))

    def freeze(self, frozen):
        self.set("freezer.state", "cgroup.freeze",
                 ("FROZEN" if frozen else "THAWED") if self.version == 1 else int(frozen))
