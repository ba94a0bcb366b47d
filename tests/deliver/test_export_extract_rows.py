"""An extract that a full disk cut off is not delivered as a whole one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pantab
import pytest

from deliver.exporting.writing import SCHEMA, require_rows
from lib.errors import ArgoError


@pytest.mark.parametrize("table", ["daily", "hourly"])
def test_an_extract_without_its_rows_is_refused(tmp_path: Path, table: str) -> None:
    path = tmp_path / "argo.hyper"
    quiet = {"log_config": "", "log_dir": str(tmp_path)}
    frame = pd.DataFrame({"energy_kwh": [1.0, 2.0]})
    pantab.frames_to_hyper({(SCHEMA, "daily"): frame}, path, process_params=quiet)

    require_rows(path, {"daily": 2}, quiet)
    with pytest.raises(ArgoError, match="not written whole"):
        require_rows(path, {table: 3}, quiet)
