#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the command under the limits. Succeeds also if a limit is exceeded: judge.sh fails, after the
# comment.
set -euo pipefail

markdown=$(mktemp -d "$RUNNER_TEMP/loopstall-XXXXXX")/summary.md
options=()
while IFS= read -r line; do
    [ -z "$line" ] || options+=("$line")
done <<<"$OPTIONS"

code=0
# sudo has a path of its own, which lacks the interpreter that a step before has set up.
sudo env "PATH=$PATH" "$RUNNER_TEMP/loopstall/bin/loopstall" check --github \
    --markdown "$markdown" "${options[@]}" -- bash -eo pipefail -c "$COMMAND" || code=$?

case $code in
0) verdict=pass ;;
1) verdict=fail ;;
4) verdict=inconclusive ;;
*) verdict= ;;
esac
{
    echo "code=$code"
    echo "verdict=$verdict"
    echo "markdown=$markdown"
} >>"$GITHUB_OUTPUT"
[ ! -s "$markdown" ] || cat "$markdown" >>"$GITHUB_STEP_SUMMARY"
