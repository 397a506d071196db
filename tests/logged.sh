# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# For scripts that fetch or make something and are silent unless that fails. Read with `.`.

# logged LOG MESSAGE COMMAND [ARGUMENT...]: runs the command, a function as a rule, with its output
# in a file. If it fails, the end of the output and the message are shown, and the script ends.
logged() {
    logged_in=$1 logged_message=$2
    shift 2
    # An && would switch off the shell's own stop at the first failure inside.
    set +e
    (set -e; "$@") >"$logged_in" 2>&1
    logged_failed=$?
    set -e
    [ "$logged_failed" -ne 0 ] || return 0
    tail -n 20 "$logged_in" >&2
    echo "$logged_message" >&2
    exit 1
}
