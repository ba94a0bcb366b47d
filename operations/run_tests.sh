#!/usr/bin/env bash
# Set everything up and run every check and test.
#
#   npm test          or          bash operations/run_tests.sh [pytest arguments]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source operations/setup_venv.sh
setup_venv requirements-dev.txt
.venv/bin/ruff check .
.venv/bin/ruff format --check --quiet .
.venv/bin/mypy
# One worker a core; a file stays on one worker, because its tests share a database.
.venv/bin/python -m pytest --numprocesses=auto --dist=loadfile "$@"
