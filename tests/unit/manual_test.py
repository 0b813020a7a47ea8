#!/usr/bin/env python3
"""Usage: manual_test.py SEEP: the manual and each command's --help have the same commands and options, and say each once."""

import pathlib
import re
import subprocess
import sys
import unittest

MANUAL = (pathlib.Path(__file__).resolve().parent.parent.parent / "man" / "seep.1.scd").read_text(encoding="utf-8")
SEEP = sys.argv.pop(1)
EVERYWHERE = {"--help", "--usage", "--version"}  # argp's own


def output(*arguments):
    return subprocess.run([SEEP, *arguments], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout


def section(title):
    return re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", MANUAL, re.M | re.S)[1]


def options_of(command):
    """The long options of a command, as its help begins a line with each."""
    found = re.findall(r"^ +(?:-., |    )(--[\w-]+)", output(command, "--help"), re.M)
    return found


class Manual(unittest.TestCase):
    def setUp(self):
        self.commands = [name for name in re.findall(r"^  (\w+)  +\w", output("--help"), re.M) if name != "help"]
        self.assertGreater(len(self.commands), 7)

    def test_every_command_is_in_synopsis_and_commands(self):
        for name in self.commands:
            self.assertRegex(section("SYNOPSIS"), rf"\*(seep )?\[?\*?{name}\*", name)
            self.assertRegex(section("COMMANDS"), rf"(?m)^\*{name}\*", name)

    def test_help_names_an_option_once(self):
        for name in self.commands:
            options = options_of(name)
            self.assertGreater(len(options), 3)
            self.assertEqual(len(options), len(set(options)), name)

    def test_every_option_is_in_the_manual(self):
        named = set(re.findall(r"\*(--[\w-]+)\*", MANUAL))
        for name in self.commands:
            self.assertEqual(set(options_of(name)) - named - EVERYWHERE, set(), name)

    def test_every_option_of_the_manual_exists(self):
        known = {option for name in self.commands for option in options_of(name)} | EVERYWHERE
        self.assertEqual(set(re.findall(r"\*(--[\w-]+)\*", MANUAL)) - known, set())

    def test_a_section_explains_an_option_once(self):
        for title in re.findall(r"^# (OPTIONS OF .*)$", MANUAL, re.M):
            explained = re.findall(r"^(?:\*-\w\*, )?\*(--[\w-]+)\*.*\n\t", section(title), re.M)
            self.assertTrue(explained, title)
            self.assertEqual(len(explained), len(set(explained)), title)


if __name__ == "__main__":
    unittest.main()
