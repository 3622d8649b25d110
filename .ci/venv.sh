#!/bin/sh
# Makes .venv from requirements.lock, with Python 3.11 or 3.12, on a machine that may have nothing but python3.
# PYTHON=/path/to/python chooses the interpreter. A usable .venv is kept and brought up to date.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
installing=$venv/.installing

fail() {
    printf 'undertow: %s\n' "$1" >&2
    exit 1
}

supported() { # supported PYTHON: runs, and is 3.11 or 3.12
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' >/dev/null 2>&1
}

choose() { # prints the interpreter to build with
    if [ -n "${PYTHON:-}" ]; then
        supported "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11 or 3.12"
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.12 python3.11; do
        if supported "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "needs Python 3.11 or 3.12 (found: $(python3 --version 2>&1 | head -n 1)); say which with PYTHON=/path/to/python"
}

usable() { # the environment has a supported Python with a working pip, and the one that was asked for, if one was
    # Whoever was killed while it installed has left files that pip cannot go on from.
    [ ! -e "$installing" ] || return 1
    supported "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1 || return 1
    [ -z "${PYTHON:-}" ] || [ "$(minor "$PYTHON")" = "$(minor "$venv/bin/python")" ]
}

minor() {
    "$1" -c 'import sys; print(sys.version_info[:2])'
}

make_venv() { # make_venv PYTHON: Debian's python3 has no ensurepip unless python3-venv is installed
    rm -rf "$venv"
    "$1" -m venv "$venv" >/dev/null 2>&1 && return
    rm -rf "$venv"
    if "$1" -m venv --without-pip "$venv" >/dev/null 2>&1 &&
        "$1" -m pip --python "$venv/bin/python" install --quiet pip >/dev/null 2>&1; then
        return
    fi
    rm -rf "$venv"
    return 1
}

install_venv_module() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    echo "undertow: installing python3-venv with apt-get"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null >/dev/null 2>&1 || true
    apt-get install -y -qq --no-install-recommends python3-venv </dev/null >/dev/null 2>&1
}

# One at a time, where the machine has flock: a pip whose make was killed goes on for a while, and keeps the lock as long.
if command -v flock >/dev/null 2>&1; then
    exec 9<Makefile
    flock -n 9 || { echo "undertow: another one installs into $venv: waiting for it" && flock 9; }
fi

if ! usable; then
    python=$(choose)
    echo "undertow: making $venv with $("$python" --version)"
    make_venv "$python" || { install_venv_module && make_venv "$python"; } ||
        fail "cannot make a virtual environment; run: apt-get install python3-venv"
fi

echo "undertow: installing the packages of requirements.lock (the first time takes a minute or two)"
pip="$venv/bin/python -m pip --disable-pip-version-check --no-input --quiet"
# The mark stays where a signal ends this, and goes where pip fails by itself, as without a network.
touch "$installing"
status=0
# The build tool comes from the lock as well: nothing unpinned is fetched.
{ $pip install --require-hashes --only-binary :all: -r requirements.lock && $pip install --no-deps --no-build-isolation -e .; } ||
    status=$?
rm -f "$installing"
exit "$status"
