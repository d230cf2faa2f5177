"""A small descent, so that every kind of file of a run folder exists."""
import json, os, sys
from ml_runner import log_metric
lr = float(sys.argv[sys.argv.index("--lr") + 1])
w = 5.0
for step in range(5):
    w -= lr * 2 * w
    log_metric("loss", w * w, step=step)
    print(f"ml:metric weight={w} step={step}")
os.makedirs("out", exist_ok=True)
json.dump({"w": w}, open("out/weights.json", "w"))
open("pkg/notes.txt", "a").write("changed by the run\n")
# a change
