"""The report in a browser: headless Chromium, its own log of the network, and no request that the page asked for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.evaluation.reporting.html import to_html
from tests.engine.evaluation.test_publication import REPORT, ROW

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# What the browser asks for its own sake: the time, its updates, a dictionary. No host that serves parts of pages.
OWN = {
    "accounts.google.com", "android.clients.google.com", "clients2.google.com", "mtalk.google.com",
    "optimizationguide-pa.googleapis.com", "redirector.gvt1.com", "update.googleapis.com",
}  # fmt: skip

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def requested(page: Path, folder: Path) -> tuple[set[str], int]:
    """The addresses that a browser asked for while it showed `page`, its own left out, and the picture's size."""
    folder.mkdir()
    log, picture = folder / "network.json", folder / "page.png"
    subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder / 'profile'}",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--log-net-log={log}", "--window-size=1000,2400",
            f"--screenshot={picture}", page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=240,
        env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    events = json.loads(log.read_text("utf-8"))["events"]
    addresses = {event["params"]["url"] for event in events if "url" in event.get("params", {})}
    foreign = {url for url in addresses if not url.startswith("file:") and url.split("/")[2].split(":")[0] not in OWN}
    return foreign, picture.stat().st_size


def test_the_report_asks_the_network_for_nothing(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(to_html(REPORT, (ROW,)), encoding="utf-8")

    asked, size = requested(page, tmp_path / "report")

    assert asked == set()
    assert size > 50_000  # a blank page of this size has about 10 kB


def test_a_page_that_asks_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "canary.html"
    page.write_text('<img src="http://canary.invalid/x.png">', encoding="utf-8")

    assert requested(page, tmp_path / "canary")[0] == {"http://canary.invalid/x.png"}
