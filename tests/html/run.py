#!/usr/bin/env python3
"""The page of --format html in Chromium, without a window.

Usage: tests/html/run.py [SEEP [HTML_REPORT]]
       tests/html/run.py --picture PAGE PNG     makes the README's picture of a page, and tests nothing

First a page that html_report (tests/support/) makes: 100,000 nodes, and texts that are hostile to pages. Then the page of
examples/leaky-service, whose tree must say the same as `seep top` of the same, stopped process; it is clicked through, in light and dark and
on a phone's screen. Neither page may say a word on the console or ask for anything. Without Chromium, or if seep was built without
npm, it is skipped.
"""

import argparse
import base64
import collections
import gzip
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser  # noqa: E402

HOSTILE = r"""</script><img src=x onerror="window.broken=1"><!--{{data}}'"&amp;\xe2\x80\xa8\x1b[31m\x01\xff${window.broken=2}"""
DRAWN = "performance.getEntriesByName('tree drawn').length"
# Far above what is measured, so that only a change of kind fails, not a busy machine.
PAINT_MS, TREE_MS, REDRAW_MS = 3000, 8000, 1500

failures = []


def check(name, good, detail=""):
    print(f"{'ok     ' if good else 'FAILED '} {name}{'' if good else ': ' + str(detail)[:600]}", flush=True)
    if not good:
        failures.append(name)


def equal(name, got, wanted):
    check(name, got == wanted, f"{got!r}, not {wanted!r}")


class Node:
    """A row of the tree in a page, decoded here anew."""

    def __init__(self, name, depth, count, size):
        self.name, self.depth, self.count, self.bytes, self.retained = name, depth, count, size, size


def decode(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    parts = {name: gzip.decompress(base64.b64decode(data))
             for name, data in re.findall(r'<script type="text/plain" id="(\w+)">([A-Za-z0-9+/=]*)</script>', text)}
    names, columns = json.loads(parts["names"]), parts["tree"]
    n = len(columns) // 21
    rows = zip(struct.unpack_from(f"<{n}Q", columns), struct.unpack_from(f"<{n}Q", columns, 8 * n),
               struct.unpack_from(f"<{n}I", columns, 16 * n), columns[20 * n:])
    nodes = [Node(names[name], depth, count, size) for count, size, name, depth in rows]
    return json.loads(parts["report"]), nodes


def add_up(nodes):
    """Fills retained; returns by name what its nodes retain, once where one is below another, objects that are held alone."""
    above = []
    for node in nodes:
        del above[node.depth:]
        node.above = list(above)
        for upper in above:
            upper.retained += node.bytes
        above.append(node)
    types = collections.Counter()
    counts = collections.Counter()
    for node in nodes:
        holder = node.depth < 2 or (node.depth == 2 and node.above[1].name != "held from several places")
        if not holder:
            counts[node.name] += node.count
            if all(upper.name != node.name for upper in node.above):
                types[node.name] += node.retained
    return types, counts


def look(page, name):
    equal(f"{name}: nothing on the console", page.complaints(), [])
    equal(f"{name}: nothing is asked for", page.requests(), [])


def times(page):
    return page.evaluate("""[performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 1e9,
        performance.getEntriesByName('tree drawn')[0].startTime]""")


def redraw(page, what):
    """Milliseconds from an action to the frame that shows it."""
    return page.evaluate(f"""new Promise(done => {{ const begin = performance.now(); {what};
        requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(() => done(performance.now() - begin)))); }})""")


def tab(title):
    return f"[...document.querySelectorAll('.tabs button')].find(b => b.textContent === '{title}').click()"


def test_large(path):
    _, nodes = decode(path)
    equal("large: nodes", len(nodes), 100000)
    with browser.Browser() as page:
        page.open(path)
        page.wait(DRAWN)
        paint, tree = times(page)
        print(f"        100,000 nodes, {os.path.getsize(path):,} bytes: first paint after {paint:.0f} ms, tree drawn after {tree:.0f} ms")
        check("large: first paint", paint < PAINT_MS, paint)
        check("large: tree drawn", tree < TREE_MS, tree)
        for action in (tab("Flame"), tab("Table"), "document.querySelector('.rows').scrollTop = 40000",
                       "document.querySelector('.table input').click()", tab("Treemap")):
            took = redraw(page, action)
            print(f"        {took:.0f} ms for {action}")
            check("large: redrawn in time", took < REDRAW_MS, took)
        page.evaluate(tab("Table"))
        page.evaluate("document.querySelector('.table input').click()")
        page.wait("document.querySelector('.table [role=status]').textContent === '100,000 rows'")
        check("large: few rows exist", page.evaluate("document.querySelectorAll('.rows tr').length") < 60)
        page.evaluate("document.querySelector('.rows').scrollTop = 1e9")
        last = page.wait("[...document.querySelectorAll('.rows tr[aria-rowindex]')].at(-1)?.getAttribute('aria-rowindex') === '100001'")
        check("large: the last row is shown", last)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        text = page.evaluate("document.body.textContent")
        check("hostile: texts are shown as they are", text.count(HOSTILE) >= 15, text.count(HOSTILE))
        equal("hostile: nothing came to life", page.evaluate("[window.broken ?? null, document.images.length]"), [None, 0])
        equal("hostile: the title", page.evaluate("document.title"), HOSTILE.split("/")[-1] + " · seep")
        page.evaluate("document.querySelector('input[type=search]').focus()")
        page.type("<IMG SRC")
        page.wait("document.querySelector('.found').textContent.startsWith('1 name')")
        look(page, "large")


class Service:
    """examples/leaky-service, built with names, and stopped once it is ready: each look at it sees the same."""

    def __init__(self, folder):
        go = subprocess.run([os.path.join(ROOT, "tools/go-toolchain.sh"), "host"], check=True, capture_output=True, text=True).stdout.strip()
        path = os.path.join(folder, "leaky-service")
        subprocess.run([go, "build", "-buildvcs=false", "-trimpath", "-o", path, "."], check=True, cwd=os.path.join(ROOT, "examples/leaky-service"),
                       env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"})
        self.process = subprocess.Popen([path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line.startswith("ready"):
            self.__exit__()
            sys.exit(f"leaky-service did not start: {line}")
        time.sleep(0.3)
        self.process.send_signal(signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def test_tree(seep, pid, path):
    subprocess.run([seep, "inspect", "--format", "html", "-o", path, str(pid)], check=True)
    top = json.loads(subprocess.run([seep, "top", "--json", "--top", "1000000", str(pid)], check=True, capture_output=True).stdout)["top"]
    report, nodes = decode(path)
    types, counts = add_up(nodes)
    heap = report["heap"]
    check("tree: it holds the reachable heap and stacks", heap["reachable_bytes"] <= nodes[0].retained <= heap["reachable_bytes"] + heap["stack_bytes"],
          (nodes[0].retained, heap))
    equal("tree: objects", sum(counts.values()), heap["reachable_objects"])
    check("tree: types", len(top["types"]) > 50, len(top["types"]))
    equal("tree: what types retain", {t["name"]: types[t["name"]] for t in top["types"]}, {t["name"]: t["retained_bytes"] for t in top["types"]})
    equal("tree: how many of each type", {t["name"]: counts[t["name"]] for t in top["types"]}, {t["name"]: t["count"] for t in top["types"]})
    variables = {n.name: n.retained for n in nodes if n.depth == 2 and n.above[1].name == "package variables"}
    equal("tree: what variables retain", {v["name"]: variables.get(v["name"]) for v in top["variables"]},
          {v["name"]: v["retained_bytes"] for v in top["variables"]})
    equal("page: same report as JSON", [f["cause"] for f in report["findings"]],
          [f["cause"] for f in json.loads(subprocess.run([seep, "--json", str(pid)], check=True, capture_output=True).stdout)["findings"]])
    return report


def test_clicks(path, report):
    with browser.Browser() as page:
        page.open(path)
        page.wait(DRAWN)
        look(page, "opened")
        equal("page: a card for each finding", page.evaluate("document.querySelectorAll('.card').length"), len(report["findings"]))
        equal("page: the first card is open", page.evaluate("[...document.querySelectorAll('.card')].map(c => c.open)"),
              [i == 0 for i in range(len(report["findings"]))])
        # A card opens and shows its evidence.
        at = page.evaluate("""(() => { const c = document.querySelectorAll('.card')[1]; c.scrollIntoView({ behavior: 'instant' });
            const r = c.querySelector('summary').getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()""")
        page.click(*at)
        second = report["findings"][1]
        shown = page.wait("document.querySelectorAll('.card')[1].open && document.querySelectorAll('.card')[1].innerText")
        check("card: evidence", all(text in shown for text in [second["summary"], second["fix"], *second["why"]]), shown)
        # The treemap: a click selects, a double click zooms in, Escape zooms out.
        box = page.evaluate("""(() => { const c = document.querySelector('canvas'); c.scrollIntoView({ behavior: 'instant', block: 'center' });
            const r = c.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()""")
        middle = (box[0] + box[2] / 4, box[1] + box[3] / 2)
        page.click(*middle)
        names = "[...document.querySelectorAll('.path .name')].map(e => e.textContent)"
        path_names = page.wait(f"{names}.length > 2 && {names}")
        equal("treemap: path to the root", path_names, ["the whole heap and all stacks", "package variables", "main.pictures", "[]main.picture", "[]uint8"])
        page.click(*middle, count=2)
        crumbs = "[...document.querySelectorAll('.crumbs button')].map(e => e.textContent)"
        check("treemap: zoomed", page.wait(f"{crumbs}.length > 1 && {crumbs}")[1] == "package variables")
        before = page.evaluate(f"{crumbs}.length")
        page.press("Escape")
        check("treemap: zoomed out", page.wait(f"{crumbs}.length === {before - 1}"))
        page.evaluate("document.querySelector('.crumbs button').click()")
        # By keyboard, in the flame view: down to the largest at each level.
        page.evaluate(tab("Flame"))
        page.evaluate("document.querySelector('canvas').focus()")
        for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown"):
            page.press(key)
        equal("flame: arrow keys", page.wait(f"{names}.length === 4 && {names}")[2:], ["main.parcels", "map[int]main.parcel"])
        page.press("Enter")
        check("flame: Enter zooms", page.wait(f"{crumbs}.at(-1) === 'map[int]main.parcel'"))
        # The table, searched: a row leads to its place.
        page.evaluate(tab("Table"))
        page.evaluate("document.querySelector('input[type=search]').focus()")
        page.type("main.LABEL")
        rows = "[...document.querySelectorAll('.rows tr[aria-rowindex] td:first-child')].map(e => e.textContent)"
        found = page.wait(f"{rows}.length < 10 && {rows}")
        check("table: search", "main.label" in found and all("main.label" in name.lower() for name in found), found)
        page.evaluate("[...document.querySelectorAll('.rows tr[aria-rowindex]')].find(r => r.cells[0].textContent === 'main.label').click()")
        equal("table: path to the root", page.wait(f"{names}.at(-1) === 'main.label' && {names}")[2:], ["main.labels", "[]*main.label", "main.label"])
        check("ledger: parts", page.evaluate("document.querySelector('#memory').innerText.includes('live heap')"))
        look(page, "clicked through")
    for width, height, dark in ((1280, 800, True), (390, 844, False)):
        name = f"{width}x{height}{' dark' if dark else ''}"
        with browser.Browser(width, height, dark) as page:
            page.open(path)
            page.wait(DRAWN)
            equal(f"{name}: nothing sticks out", page.evaluate("document.documentElement.scrollWidth"), width)
            light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b)")
            check(f"{name}: colours", light < 200 if dark else light > 600, light)
            look(page, name)


def make_picture(path, picture):
    """Cards closed, down to the end of the treemap."""
    with browser.Browser() as page:
        page.open(path)
        page.wait(DRAWN)
        page.evaluate("document.querySelector('.card').open = false")
        end = page.evaluate("document.querySelector('#heap').getBoundingClientRect().bottom + scrollY")
        page.screenshot(picture, x=0, y=0, width=1280, height=int(end) + 24)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", nargs=2, metavar=("PAGE", "PNG"), help="make a picture of a page, and test nothing")
    parser.add_argument("seep", nargs="?", default=os.path.join(ROOT, "build/seep"))
    parser.add_argument("html_report", nargs="?", default=os.path.join(ROOT, "build/tests/html_report"))
    args = parser.parse_args()
    if args.picture:
        make_picture(*args.picture)
        return
    if not os.path.exists(args.html_report):
        print("seep was built without npm, so it makes no pages: not tested")
        sys.exit(77)
    if not browser.find():
        print("Chromium is not installed: pages not tested")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        large, real = os.path.join(folder, "large.html"), os.path.join(folder, "real.html")
        with open(large, "wb") as file:
            subprocess.run([args.html_report, "100000"], check=True, stdout=file)
        test_large(large)
        with Service(folder) as service:
            report = test_tree(args.seep, service.process.pid, real)
        test_clicks(real, report)
    print("all as it should be" if not failures else f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
