#!/bin/sh
# Run 2026-11-26_qq4ehv: this is what the supervisor runs. By hand: sh /tmp/museum/home/.ml/data/runs/2026-11-26_qq4ehv/.run/launch.sh
# The rest of the environment is that of whoever starts it; nothing of it is written down here.
cd /tmp/museum/home/.ml/data/runs/2026-11-26_qq4ehv/work || exit 126
export PYTHONUNBUFFERED=1
export ML_RUN_NAME=signal
export ML_RUN_DIR=/tmp/museum/home/.ml/data/runs/2026-11-26_qq4ehv
export ML_WORK_DIR=/tmp/museum/home/.ml/data/runs/2026-11-26_qq4ehv/work
export ML_METRICS_FILE=/tmp/museum/home/.ml/data/runs/2026-11-26_qq4ehv/metrics.jsonl
export ML_USER=root
export ML_RUN_ID=2026-11-26_qq4ehv
export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}"/tmp/museum/home/.ml/data/lib/python
exec ./signal.sh
