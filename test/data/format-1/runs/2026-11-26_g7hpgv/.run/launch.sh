#!/bin/sh
# Run 2026-11-26_g7hpgv: this is what the supervisor runs. By hand: sh /tmp/museum/home/.ml/data/runs/2026-11-26_g7hpgv/.run/launch.sh
# The rest of the environment is that of whoever starts it; nothing of it is written down here.
cd /tmp/museum/home/.ml/data/runs/2026-11-26_g7hpgv/work || exit 126
export PYTHONUNBUFFERED=1
export ML_RUN_NAME=train
export ML_RUN_DIR=/tmp/museum/home/.ml/data/runs/2026-11-26_g7hpgv
export ML_WORK_DIR=/tmp/museum/home/.ml/data/runs/2026-11-26_g7hpgv/work
export ML_METRICS_FILE=/tmp/museum/home/.ml/data/runs/2026-11-26_g7hpgv/metrics.jsonl
export ML_USER=root
export ML_GROUP=g1
export OMP_NUM_THREADS=1
export ML_RUN_ID=2026-11-26_g7hpgv
export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}"/tmp/museum/home/.ml/data/lib/python
exec python3 train.py --lr 0.1
