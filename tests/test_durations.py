"""The report of where the tests' time goes adds up."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.durations import Durations
from tests.support.service import ROOT


def rows(report: str, heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading."""
    table = report.partition(f"## {heading}\n\n")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


class TestReport:
    def test_cases_are_added_up_by_folder_file_and_test(self):
        durations = Durations()
        durations.seconds.update(
            {
                "tests/api/test_one.py::TestA::test_b[1]": 2.0,
                "tests/api/test_one.py::TestA::test_b[2]": 3.0,
                "tests/api/test_two.py::test_c": 4.0,
                "tests/test_three.py::test_d[a::b]@group": 1.25,
            }
        )
        durations.rings["tests/test_three.py::test_d[a::b]@group"] = "make check"
        report = durations.report()
        assert rows(report, "By command") == [["9.0", "3", "4.0", "`make test`"], ["1.2", "1", "1.2", "`make check`"]]
        assert rows(report, "By folder") == [["9.0", "3", "4.0", "`api/`"], ["1.2", "1", "1.2", "`./`"]]
        assert [row[3] for row in rows(report, "By file")] == [
            "`api/test_one.py`",
            "`api/test_two.py`",
            "`test_three.py`",
        ]
        assert rows(report, "The slowest 40 tests")[0] == ["5.0", "2", "3.0", "`api/test_one.py::TestA::test_b`"]
        assert "4 cases, 10 s" in report

    def test_a_run_writes_it(self, tmp_path: Path):
        """Start, test and end of each case come together, also from other processes."""
        slow = "import pytest\n@pytest.mark.slow\ndef test_two(): pass\n"
        (tmp_path / "test_it.py").write_text(f"import time\ndef test_one(): time.sleep(0.5)\n{slow}")
        command = [sys.executable, "-m", "pytest", "-p", "tests.support.durations", "-p", "xdist", "-n", "1"]
        command += ["--rootdir", str(tmp_path), "-c", "/dev/null", "--durations-report", str(tmp_path / "report.md")]
        done = subprocess.run(
            [*command, str(tmp_path)],
            cwd=ROOT,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        report = (tmp_path / "report.md").read_text()
        assert "2 cases" in report
        assert "processes: 1" in report
        assert [row[3] for row in rows(report, "By command")] == ["`make test`", "`make check`"]
        assert 0.5 <= float(rows(report, "By folder")[0][0]) < 10
