#!/bin/bash
# Fifty futures of a village as a job array of Slurm: ten jobs that know nothing of each other share a folder.
#
#   PYTHON=.venv/bin/python sbatch overnight_array.sh
#
# Job I runs every tenth run from the I-th on. Those that failed or ran out of time: the same again, what is complete is
# left alone, and a run that was stopped goes on. Other queues call the two numbers otherwise: PBS_ARRAY_INDEX,
# SGE_TASK_ID and SGE_TASK_LAST, LSB_JOBINDEX. Without a queue: SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2 bash ...
#
# The market's loops are compiled once for each kind of processor and kept in the user's cache folder. So that ten jobs
# do not compile them at the same time, run one first: `mosaik-p2p run network1 --steps 1` on such a node.
#SBATCH --job-name=overnight
#SBATCH --array=1-10
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --time=08:00:00
set -euo pipefail

"${PYTHON:-python}" -m mosaik_p2p.scenarios.examples.overnight \
  --part "${SLURM_ARRAY_TASK_ID:?}/${SLURM_ARRAY_TASK_COUNT:?}" --jobs "${SLURM_CPUS_PER_TASK:-1}" "$@"

# Every job writes the table of what is there; the last one has it all. At any time: mosaik-p2p sweep --collect DIR
