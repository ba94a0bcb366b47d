# Sourced by demo.sh and run_tests.sh: makes .venv and installs what a requirements file names.
# A second call with unchanged requirements does nothing.

# The first Python on the PATH that is new enough.
find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: Python 3.11, 3.12 or 3.13 is needed and was not found on the PATH" >&2
    return 2
}

# setup_venv REQUIREMENTS_FILE: .venv holds what the file names.
setup_venv() {
    local requirements=$1 stamp=".venv/installed-$1.sha256" python wanted
    if [ ! -x .venv/bin/python ]; then
        python=$(find_python) || return
        echo "making .venv with $("$python" --version)" >&2
        if ! "$python" -m venv .venv >/dev/null 2>&1; then
            rm -rf .venv
            echo "error: '$python -m venv' failed; on Debian and Ubuntu: apt install python3-venv" >&2
            return 2
        fi
    fi
    # The folder is part of it: an editable install points at the place where it was made.
    wanted=$(cat requirements*.txt pyproject.toml <(pwd) | .venv/bin/python -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        echo "installing $requirements (a minute or so the first time)" >&2
        .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements" || return
        echo "$wanted" >"$stamp"
    fi
}
