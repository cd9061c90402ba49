#!/bin/bash
# herbarium-load and wrk, one after the other: processor time for 100,000 requests over
# HTTP/1.1 with 50 connections and answers of 1 KiB.
# usage: cpu.sh [ROUNDS [SECONDS]]   programs from PATH: herbarium-load, wrk, nginx
set -euo pipefail
PATH=$PATH:/usr/sbin
. "$(dirname "$0")/nginx.sh"
need herbarium-load wrk nginx awk
start_nginx
seconds=${2:-5}

cat > "$FOLDER/cpu.toml" << END
name = "cpu"
load = { mode = "closed" }
# All it can is what is asked for.
honesty = { cpu = 1.1, host_pressure = 1.1 }
stage = [{ users = 50, for = "${seconds}s" }]
flow = [{ path = "/1k.html", check = { status = ["200"] } }]
gate = [{ metric = "errors", window = "whole", below = 0.0001 }]
END

# Prints the processor time that a command takes; what it says goes into a file.
cost_of() {
  TIMEFORMAT='%U %S'
  { time "$@" > "$FOLDER/said" 2> /dev/null; } 2>&1
}

# Of the first line that says "N requests in".
requests() {
  awk '/ requests in /{ print $1; exit }' "$FOLDER/said"
}

for round in $(seq "${1:-5}"); do
  wrk=$(cost_of wrk -t1 -c50 "-d${seconds}s" "$URL")
  of_wrk=$(requests)
  if grep Non-2xx "$FOLDER/said"; then exit 1; fi
  ours=$(cost_of herbarium-load run "$FOLDER/cpu.toml" --target "${URL%/1k.html}" --workers 1 --quiet)
  echo "$round $wrk $of_wrk $ours $(requests)" | awk '{
    wrk = ($2 + $3) / $4 * 100000; ours = ($5 + $6) / $7 * 100000
    printf "round %d: seconds for 100,000 requests: wrk %.3f, herbarium-load %.3f, ratio %.2f\n",
      $1, wrk, ours, ours / wrk }'
done
