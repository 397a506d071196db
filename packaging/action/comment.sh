#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Puts the summary on the pull request: one comment, which a later run replaces. A token that may
# not (pull requests from forks) is a warning.
set -euo pipefail

[ "$WANTED" = true ] && [ -s "$MARKDOWN" ] || exit 0
number=$(jq -r '.pull_request.number // empty' "$GITHUB_EVENT_PATH")
[ -n "$number" ] || exit 0

mark="<!-- loopstall $GITHUB_WORKFLOW/$GITHUB_JOB -->"
comments=repos/$GITHUB_REPOSITORY/issues/$number/comments
body=$(mktemp "$RUNNER_TEMP/loopstall-XXXXXX")
{ echo "$mark"; cat "$MARKDOWN"; } >"$body"

put() {
    local id
    id=$(MARK="$mark" gh api --paginate "$comments" \
        --jq '.[] | select(.body | startswith(env.MARK)) | .id' | head -n 1)
    if [ -n "$id" ]; then
        gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" -F "body=@$body"
    else
        gh api --method POST "$comments" -F "body=@$body"
    fi
}

put >/dev/null || echo "::warning::loopstall could not comment on pull request $number"
