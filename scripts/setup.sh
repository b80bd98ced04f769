#!/usr/bin/env bash
# Makes this checkout ready to run: system packages (Debian), .venv from the lock file, jars.
# Safe to repeat; does nothing, quickly, when all is there. Asks nothing, reads no stdin.
set -euo pipefail
export LC_ALL=C.UTF-8 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
exec </dev/null
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

# The newest Python that has the parts to make an environment (Debian ships them separately).
find_python() {
    local name
    for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        if [[ -n $name ]] && "$name" -c '
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit(1)
import ensurepip, venv' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

has_java() {
    local told
    told=$(java -version 2>&1) || return 1
    [[ $told =~ version\ \"([0-9]+) && ${BASH_REMATCH[1]} -ge 17 ]]
}

has() { command -v "$1" >/dev/null; }

# Debian's names of what is missing, one a line.
missing_packages() {
    find_python >/dev/null || printf '%s\n' python3 python3-venv
    has_java || echo default-jre-headless
    has mvn || echo maven
    has "${SCRAPESTREAM_CHROMIUM:-chromium}" || echo chromium
    has "${SCRAPESTREAM_CHROMEDRIVER:-chromedriver}" || echo chromium-driver
}

install_packages() {
    local -a as_root=()
    if [[ $(id -u) -ne 0 ]]; then
        has sudo && sudo -n true 2>/dev/null || return 1
        as_root=(sudo -n)
    fi
    has apt-get || return 1
    say "installing with apt-get: $*"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >&2
}

mapfile -t missing < <(missing_packages)
if [[ ${#missing[@]} -gt 0 ]]; then
    if ! install_packages "${missing[@]}"; then
        say "missing on this machine (Debian's names): ${missing[*]}"
        say "install them, for example: sudo apt-get install ${missing[*]}"
        say "needed: Python 3.11 to 3.14 with venv, Java 17 or newer, Maven, Chromium and its driver"
        exit 1
    fi
    mapfile -t missing < <(missing_packages)
    if [[ ${#missing[@]} -gt 0 ]]; then
        say "still missing after the installation: ${missing[*]}"
        exit 1
    fi
fi

# The stamp names everything the environment was made from; a moved checkout makes it anew.
python=$(find_python)
stamp=.venv/.made-from
made_from="$(cat requirements.lock pyproject.toml | sha256sum | cut -c1-64) $python $PWD"
if [[ ! -f $stamp || $(<"$stamp") != "$made_from" ]]; then
    say "making .venv from requirements.lock with $("$python" --version)"
    .venv/bin/python -c '' 2>/dev/null || "$python" -m venv --clear .venv
    rm -f "$stamp"
    .venv/bin/python -m pip install --quiet --require-hashes -r requirements.lock
    # The lock file has the build backend too, so this fetches nothing.
    .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
    printf '%s\n' "$made_from" >"$stamp"
fi

.venv/bin/python -m embedded.jars
.venv/bin/python -m embedded.class_archives
