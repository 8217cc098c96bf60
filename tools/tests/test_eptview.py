# SPDX-License-Identifier: GPL-2.0
"""eptview on copies of debugfs: what it reads, what it draws, what it says about bad input."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import tempfile
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(HERE, "..", "eptview")
TINYVMM = os.path.join(HERE, "tinyvmm")

loader = importlib.machinery.SourceFileLoader("eptview", TOOL)
eptview = importlib.util.module_from_spec(importlib.util.spec_from_loader("eptview", loader))
loader.exec_module(eptview)

HEADER = "# guest-physical            -> host-physical  leaves     rights, type, A/D\n"


def line(start, end, hpa, size="4K", rest="rwx WB --"):
    return f"{start:013x}-{end:013x} -> {hpa:013x} {1:6} x {size} {rest}\n"


class EptView(unittest.TestCase):
    def run_tool(self, *arguments):
        """Status, output and errors."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = eptview.main(["-c", "80", *arguments])
            except SystemExit as exit_:
                status = exit_.code
        return status, out.getvalue(), err.getvalue()

    def file(self, *lines):
        file = tempfile.NamedTemporaryFile("w", suffix="map", delete=False)
        self.addCleanup(os.unlink, file.name)
        with file:
            file.write(HEADER + "".join(lines))
        return file.name

    def test_each_line_of_a_map_is_read(self):
        mappings = eptview.Table(TINYVMM).mappings()
        with open(os.path.join(TINYVMM, "map"), encoding="ascii") as file:
            self.assertEqual(len(mappings), len(file.readlines()) - 1)
        self.assertEqual(mappings[0], eptview.Mapping(0x1000, 0x4000, mappings[0].hpa, "4K",
                                                      "rwx", "WB", "AD", ""))

    def test_rights_types_and_attributes_are_read(self):
        mappings = eptview.parse_map([line(0, 0x1000, 0x5000, rest="--xu UC A- tag=3 suppress-ve"),
                                      line(0x200000, 0x400000, 0, "2M", "r-- WC")], "m")
        self.assertEqual(mappings[0][4:], ("--xu", "UC", "A-", "tag=3 suppress-ve"))
        self.assertEqual(mappings[1][3:], ("2M", "r--", "WC", "", ""))

    def test_what_is_no_map_is_refused(self):
        for text in ("leaves_4k 554\n", line(0, 0x1000, 0).replace("rwx", "rwq"),
                     line(0x1000, 0x1000, 0), line(0, 0x2000, 0) + line(0x1000, 0x3000, 0)):
            status, out, err = self.run_tool(self.file(text))
            self.assertEqual((status, out), (2, ""))
            self.assertIn("line", err)
        self.assertEqual(self.run_tool("/nowhere")[0], 2)

    def test_the_picture_shows_what_is_mapped_and_no_more(self):
        _, out, _ = self.run_tool(self.file(line(0x10000, 0x12000, 0x7000)))
        self.assertIn("0000000000000 " + "·" * 16 + "██" + "·" * 46 + "\n", out)
        self.assertIn("a character is 4K", out)
        self.assertIn("rwx 8K", out)

    def test_a_cell_is_as_dark_as_it_is_full(self):
        lines = [line(row * 0x10000000, row * 0x10000000 + 0x1000, 0) for row in range(8)]
        _, out, _ = self.run_tool("-r", "1", self.file(*lines))
        self.assertNotIn("█·", out)
        self.assertIn("░", out)
        self.assertEqual(len([text for text in out.splitlines() if text.startswith("00000")]), 1)

    def test_rows_without_anything_are_one_line(self):
        _, out, _ = self.run_tool(self.file(line(0, 0x1000, 0), line(1 << 40, (1 << 40) + 0x1000, 0)))
        self.assertIn("1024.0G of nothing", out)
        self.assertLess(len(out.splitlines()), 9)

    def test_a_terabyte_is_drawn_at_once(self):
        _, out, _ = self.run_tool(self.file(line(0, 1 << 40, 0, "1G")))
        self.assertIn("rwx 1T", out)

    def test_an_empty_table_says_so(self):
        self.assertIn("nothing is mapped", self.run_tool(self.file())[1])

    def test_tables_stand_beside_each_other(self):
        one = self.file(line(0x1000, 0x2000, 0))
        two = self.file(line(0x1000, 0x2000, 0, rest="r-x WB --"), line(1 << 30, (1 << 30) + 0x1000, 0))
        _, out, _ = self.run_tool(one, two)
        strip = "·█" + "·" * 30
        self.assertIn(f"0000000000000 {strip} {strip}\n", out)
        self.assertIn(f"0000040000000 {'·' * 32} █{'·' * 31}\n", out)
        self.assertIn("r-x 4K", out)

    def test_zooming_shows_a_part_alone(self):
        for part in ("a05000-a06000", "a05000+4K"):
            _, out, _ = self.run_tool("-z", part, TINYVMM)
            self.assertIn("r-x 4K", out)
            self.assertNotIn("rwx", out)
        for part in ("a05000", "a06000-a05000", "zz+4K", "0+0"):
            self.assertEqual(self.run_tool("-z", part, TINYVMM)[0], 2)

    def test_each_way_to_look_has_its_legend(self):
        for look, words in (("leaf", ("4K", "2M")), ("type", ("WB",)), ("rights", ("--x", "r-x")),
                            ("heat", ("written", "used", "untouched"))):
            _, out, _ = self.run_tool("-b", look, TINYVMM)
            for word in words:
                self.assertIn(word, out)

    def test_counters_are_shown_where_they_are(self):
        self.assertIn("leaves: 2 of 2M, 554 of 4K; tables: 8, 32K", self.run_tool(TINYVMM)[1])
        self.assertNotIn("leaves:", self.run_tool(os.path.join(TINYVMM, "map"))[1])

    def test_an_address_is_explained(self):
        _, out, _ = self.run_tool("-e", "a05123", TINYVMM)
        self.assertIn("host-physical 0000000c05123", out)
        self.assertIn("in a 4K leaf that begins at 0000000a05000", out)
        self.assertIn("r-x, WB, written", out)
        _, out, _ = self.run_tool("-e", "12M", TINYVMM)
        self.assertIn("in a 2M leaf that begins at 0000000c00000", out)
        for gpa, hole in (("0", "from 0000000000000 to 0000000001000"),
                          ("ffffff000", "to the end")):
            self.assertIn(hole, self.run_tool("-e", gpa, TINYVMM)[1])

    def test_a_table_differs_not_from_itself(self):
        status, out, _ = self.run_tool("-d", TINYVMM, TINYVMM)
        self.assertEqual(status, 0)
        self.assertNotIn("->", out)

    def test_each_difference_is_a_line(self):
        old = self.file(line(0, 0x4000, 0), line(0x8000, 0x9000, 0x8000))
        new = self.file(line(0, 0x1000, 0), line(0x1000, 0x2000, 0x1000, rest="r-x WB --"),
                        line(0x2000, 0x4000, 0x2000), line(0x10000, 0x11000, 0))
        status, out, _ = self.run_tool("-d", old, new)
        self.assertEqual(status, 1)
        self.assertIn("0000000001000-0000000002000 changed 0000000001000 4K rwx WB -- -> "
                      "0000000001000 4K r-x WB --", out)
        self.assertIn("0000000008000-0000000009000 gone", out)
        self.assertIn("0000000010000-0000000011000 new", out)
        self.assertEqual(len([text for text in out.splitlines() if "-0" in text]), 3)

    def test_pictures_are_files_that_ask_nobody(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "picture.svg")
            self.assertEqual(self.run_tool("-s", path, TINYVMM)[0], 0)
            with open(path, encoding="utf-8") as file:
                picture = file.read()
        self.assertTrue(picture.lstrip().startswith("<svg"))
        self.assertIn("0000000a00000", picture)
        self.assertNotIn("url(http", picture)

    def test_names_of_tables_are_listed(self):
        with mock.patch.object(eptview, "DEBUGFS", HERE):
            self.assertIn("tinyvmm\n", self.run_tool()[1])
            self.assertIn("by rights     tinyvmm", self.run_tool("tinyvmm")[1])

    def test_a_live_table_is_asked_for_the_way(self):
        with mock.patch.object(eptview.Table, "lookup", return_value="512G at 1000\n") as lookup:
            self.assertIn("512G at 1000", self.run_tool("-e", "a05123", TINYVMM)[1])
        lookup.assert_called_once_with(0xa05123)


if __name__ == "__main__":
    unittest.main()
