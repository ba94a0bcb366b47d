"""The page in a real browser: nothing sticks out, on a desk, on a phone, with endless names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from example_findings import GENERATED_AT, breaker_status, week_findings
from test_weekly_html import renamed

from analyze.findings import WeekFindings
from deliver.report_json import report_document
from deliver.weekly_html import weekly_page

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

# A page around the report that measures it: the report itself may run no script.
HARNESS = """<!doctype html><body><iframe src="report.html" style="width:{width}px;height:900px">
</iframe><script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument;
  const view = page.documentElement.clientWidth;
  const right = (node) => node.getBoundingClientRect().right;
  const inScroller = (node) => node.closest(".scroll") !== null && !node.matches(".scroll");
  const out = [...page.body.querySelectorAll("*")].filter((node) =>
    !inScroller(node) && node.closest("svg") === null && right(node) > view + 1);
  const shown = [...page.querySelectorAll("svg")].filter((node) => right(node) > 0);
  document.body.innerHTML = "<pre>" + JSON.stringify({{
    view, scroll: page.documentElement.scrollWidth, height: page.body.scrollHeight,
    out: out.map((node) => node.tagName + "." + node.className), charts: shown.length,
    smallest: Math.min(...[...page.querySelectorAll("body *")].map((node) =>
      parseFloat(page.defaultView.getComputedStyle(node).fontSize))),
  }}) + "</pre>";
}};
</script>"""


def measured(folder: Path, findings: WeekFindings, width: int) -> dict[str, Any]:
    """Open the report of `findings` in a window of that width and measure it."""
    document = report_document(findings, breaker_status(), GENERATED_AT)
    (folder / "report.html").write_text(weekly_page(document), encoding="utf-8")
    (folder / "harness.html").write_text(HARNESS.format(width=width), encoding="utf-8")
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu",
        "--allow-file-access-from-files", "--disable-background-networking",
        f"--user-data-dir={folder / 'profile'}", "--dump-dom",
        (folder / "harness.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)
    assert found is not None, done.stdout[-500:]
    return dict(json.loads(unescape(found[1])))


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("names", ["plain", "300 characters"])
def test_nothing_sticks_out_of_the_page(tmp_path: Path, width: int, names: str) -> None:
    findings = week_findings() if names == "plain" else renamed(lambda _: "W" * 300)
    page = measured(tmp_path, findings, width)

    assert page["out"] == []
    assert page["scroll"] <= page["view"]
    # Each chart once: the wide or the narrow drawing, never both.
    assert page["charts"] == 3
    assert page["smallest"] >= 10
