"""A run in which no test ran is a failure."""

from __future__ import annotations

import pytest


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if exitstatus != pytest.ExitCode.OK or session.config.option.collectonly or reporter is None:
        return
    if not reporter.stats.get("passed"):
        reporter.write_line("\nno test ran to its end", red=True)
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
