#!/bin/bash
# Fifty futures of a village on a Dask cluster (pip install "mosaik-p2p[sweep]").
#
#   PYTHON=.venv/bin/python bash overnight_dask.sh                          # a scheduler and two workers on this machine
#   SCHEDULER=tcp://ADDRESS:8786 bash overnight_dask.sh                     # a cluster that exists
#
# Workers need this package, and the folder of the results under the same path. A worker has as many runs at once as it
# has threads (--nthreads); each has one thread, or as many as MOSAIK_P2P_THREADS says in the worker's environment. Each is
# a process of its own whose memory Dask does not see (--memory-limit limits none of them): on one machine no more threads
# in all than runs of about 1 GiB fit into its memory.
# Whoever reaches the scheduler can have its workers run any code: here it listens on loopback.
set -euo pipefail
python="${PYTHON:-python}"

if [ -z "${SCHEDULER:-}" ]; then
  SCHEDULER="tcp://127.0.0.1:${PORT:-8786}"
  trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
  "$python" -m distributed.cli.dask_scheduler --host 127.0.0.1 --port "${PORT:-8786}" --no-dashboard &
  for _ in 1 2; do
    "$python" -m distributed.cli.dask_worker "$SCHEDULER" --host 127.0.0.1 --nthreads 1 --no-dashboard &
  done
fi

"$python" -m mosaik_p2p.scenarios.examples.overnight --scheduler "$SCHEDULER" "$@"
