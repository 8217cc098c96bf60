# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every script of the testbed shares: where things are, how to talk to the
# person at the terminal, runs and their results.
# To be sourced first; it sets the shell's options too.

set -euo pipefail

TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(dirname "$TESTBED")
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/ept
JOBS=$(nproc)
SERIES=6.12				# of Linux, where nothing says another
BED=${BED:-}				# the bed that is speaking, if any
RUN=${RUN:-}				# the folder of the run, see new_run
EPT_T0=${EPT_T0:-$EPOCHSECONDS}		# when make was typed
export EPT_T0 LC_ALL=C
# Those of the make that was typed: -C has each one below it say where it is.
unset MAKEFLAGS MFLAGS MAKELEVEL

mkdir -p "$CACHE/lock"

. "$TESTBED/packages.sh"

# --- talking

say() {
	printf '[%4ds] %-16s %s\n' "$((EPOCHSECONDS - EPT_T0))" "$BED" "$*"
}

die() {
	say "error: $*" >&2
	exit 1
}

# quietly LOG COMMAND...: runs COMMAND with its output in LOG, and shows the end
# of LOG if it fails.
quietly() {
	local log=$1 status=0

	shift
	"$@" >>"$log" 2>&1 </dev/null || status=$?
	if [ "$status" != 0 ]; then
		say "failed: $*" >&2
		{
			grep -E 'error|undefined|^E:' "$log" || tail -n 15 "$log"
		} | sed "s,$RUN/modules/,,; s,$CACHE/,," | head -n 15 >&2
		say "the whole log: $log" >&2
	fi
	return "$status"
}

# --- doing things once

# with_lock NAME COMMAND...: only one process at a time runs a COMMAND of NAME.
# Without a slash, NAME is good for all runs of this user.
with_lock() {
	local file=$1

	[[ $file == */* ]] || file=$CACHE/lock/$file
	shift
	(
		flock 9
		"$@" 9>&-
	) 9>"$file"
}

# --- runs

# new_run: a folder for what a run leaves behind, $RUN, whose name goes to the file $RUN_NAMED_IN if
# there is one. Those of the last hours, and some before, are kept.
new_run() {
	mkdir -p "$CACHE/runs"
	RUN=$(mktemp -d "$CACHE/runs/$(date +%Y%m%d-%H%M%S)-XXXX")
	mkdir "$RUN/src" "$RUN/modules"
	export RUN
	ln -sfn "$RUN" "$CACHE/last"
	[ -z "${RUN_NAMED_IN:-}" ] || echo "$RUN" >"$RUN_NAMED_IN"
	find "$CACHE/runs" -mindepth 1 -maxdepth 1 -mmin +120 | sort | head -n -10 |
		xargs -r rm -rf
}

# --- results

# Results are lines "PASS|FAIL|SKIP <tab> name [<tab> reason]" in $RESULTS. This
# stands for the end of a line within a reason:
NEWLINE=$'\x1e'

pass() {
	printf 'PASS\t%s\n' "$1" >>"$RESULTS"
}

fail() {
	printf 'FAIL\t%s\t%s\n' "$1" "${2//$'\n'/$NEWLINE}" >>"$RESULTS"
}

# silent NAME COMMAND...: a test that passes if COMMAND works and prints nothing.
silent() {
	local name=$1 log=$BED_DIR/${1%% *}.log

	shift
	if "$@" >"$log" 2>&1 </dev/null && [ ! -s "$log" ]; then
		pass "$name"
	else
		fail "$name" "$(head -n 20 "$log"; echo "all of it: $log")"
	fi
}

# judge WHAT...: the console's log, see results.py.
judge() {
	need guest
	"$TESTBED/results.py" "$LOG" "$@" >>"$RESULTS"
}

# count VERDICT
count() {
	grep -c "^$1" "$RESULTS" || true
}

# report: each failure, with its reason.
report() {
	local verdict name reason

	while IFS=$'\t' read -r verdict name reason; do
		[ "$verdict" = FAIL ] || continue
		say "FAIL $name"
		tr "$NEWLINE" '\n' <<<"$reason" | sed 's/^/    /'
	done <"$RESULTS"
	[ "$(count FAIL)" = 0 ] || say "logs: $BED_DIR"
}
