#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The exit code of `loopstall check`; inconclusive is a warning, because a busy runner is no fault
# of the program.
set -euo pipefail

if [ "$CODE" -eq 4 ] && [ "$FAILS_IF_INCONCLUSIVE" != true ]; then
    echo "::warning::loopstall saw too little to judge; see the summary"
    exit 0
fi
exit "$CODE"
