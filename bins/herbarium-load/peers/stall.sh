#!/bin/bash
# herbarium-load and k6, one after the other: 200 requests a second for ten seconds, of
# which the server stands still for one. One arrival in ten finds it so, and waits for
# what is left of the second: p95 is 0.5 s, p99 0.9 s.
# usage: stall.sh [ROUNDS]   programs from PATH: herbarium-load, k6, nginx, pgrep
set -euo pipefail
PATH=$PATH:/usr/sbin
. "$(dirname "$0")/nginx.sh"
need herbarium-load k6 nginx pgrep
start_nginx

cat > "$FOLDER/stall.toml" << END
name = "stall"
load = { spacing = "even" }
connections = { count = 250, max = 250 }
# The server shares this machine with it.
honesty = { host_pressure = 1.1 }
stage = [{ hold = 200, for = "10s" }]
flow = [{ path = "/1k.html", check = { status = ["200"] } }]
gate = [{ metric = "errors", window = "whole", below = 0.0001 }]
END
cat > "$FOLDER/stall.js" << END
import http from "k6/http";
export const options = {
  summaryTrendStats: ["med", "p(95)", "p(99)", "max"],
  scenarios: { stall: { executor: "constant-arrival-rate", rate: 200, timeUnit: "1s",
    duration: "10s", preAllocatedVUs: 250 } },
};
export default function () { http.get("$URL"); }
END

# The kernel goes on accepting connections.
stall_at() {
  local worker
  worker=$(pgrep -P "$MASTER")
  sleep "$1"
  kill -STOP "$worker"
  sleep 1
  kill -CONT "$worker"
}

for round in $(seq "${1:-3}"); do
  stall_at 5 &
  echo "round $round: herbarium-load"
  herbarium-load run "$FOLDER/stall.toml" --target "${URL%/1k.html}" --quiet |
    grep -E '^(p50|p95|p99|max) |requests in|response|^[A-Z]+$'
  wait %%
  stall_at 5 &
  echo "round $round: k6"
  k6 run --quiet --no-usage-report "$FOLDER/stall.js" 2>&1 |
    grep -E '^ *(http_req_duration|http_reqs|dropped_iterations)'
  wait %%
done
