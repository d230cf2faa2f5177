#!/usr/bin/env python3
"""Trains a small neural network to read handwritten digits, in nothing but standard-library Python (3.8 or later).

    python3 train.py --epochs 5                                  # by hand
    ml queue -f examples/digits/train.py --epochs 5              # the same, queued
    python3 train.py --epochs 10 --resume checkpoints/last.json  # goes on exactly where it stopped

It writes checkpoints/last.json and checkpoints/best.json. A SIGTERM saves last.json and exits with 143; a run resumed
from it, even in the middle of an epoch, ends with the same weights as one that was never stopped.
"""

import argparse
import gzip
import json
import math
import os
import random
import signal
import sys
import time
from operator import mul

try:
    from ml_runner import log_metric
except ImportError:  # by hand, without ml

    def log_metric(name, value, step=None):
        pass


HERE = os.path.dirname(os.path.abspath(__file__))
PIXELS, DIGITS, VALIDATION = 64, 10, 360
DEFAULTS = {"lr": 0.2, "hidden": 96, "batch_size": 16, "seed": 0}
stop_asked = False


def read_options():
    parser = argparse.ArgumentParser(description="Train a small network on 8x8 handwritten digits.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, help="learning rate (default %s)" % DEFAULTS["lr"])
    parser.add_argument("--hidden", type=int, help="hidden units (default %s)" % DEFAULTS["hidden"])
    parser.add_argument("--batch-size", type=int, help="images a step (default %s)" % DEFAULTS["batch_size"])
    parser.add_argument("--seed", type=int, help="of weights and order (default %s)" % DEFAULTS["seed"])
    parser.add_argument("--save-dir", default="checkpoints", metavar="DIR", help="where checkpoints go")
    parser.add_argument("--resume", metavar="FILE", help="a checkpoint to go on from; its options hold unless given")
    parser.add_argument("--data", default=os.path.join(HERE, "data", "digits.csv.gz"), metavar="FILE")
    return parser.parse_args()


def read_data(path):
    """Rows of (64 pixels from 0 to 1, digit), in one fixed order: the validation part is the same in every run."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt") as lines:
        numbers = [[int(field) for field in line.split(",")] for line in lines if line.strip()]
    rows = [([pixel / 16 for pixel in row[:PIXELS]], row[PIXELS]) for row in numbers]
    random.Random(1998).shuffle(rows)
    return rows[VALIDATION:], rows[:VALIDATION]


def new_model(hidden, seed):
    rng = random.Random(seed)

    def layer(outputs, inputs):
        scale = math.sqrt(2 / inputs)
        return [[rng.gauss(0, scale) for _ in range(inputs)] for _ in range(outputs)]

    return {"w1": layer(hidden, PIXELS), "b1": [0.0] * hidden, "w2": layer(DIGITS, hidden), "b2": [0.0] * DIGITS}


def forward(model, pixels):
    """Hidden activations and the probability of each digit."""
    hidden = [max(0.0, bias + sum(map(mul, row, pixels))) for row, bias in zip(model["w1"], model["b1"])]
    scores = [bias + sum(map(mul, row, hidden)) for row, bias in zip(model["w2"], model["b2"])]
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    total = sum(powers)
    return hidden, [power / total for power in powers]


def train_batch(model, batch, lr):
    """One step of gradient descent on the cross-entropy; returns the batch's summed loss."""
    inputs = [pixels for pixels, _ in batch]
    hiddens, errors = zip(*(forward(model, pixels) for pixels in inputs))
    loss, rate = 0.0, lr / len(batch)
    for error, (_, digit) in zip(errors, batch):
        loss -= math.log(max(error[digit], 1e-300))
        error[digit] -= 1.0
    # From here on one row a unit, label or pixel, with a column an image: a gradient is a dot product of two rows.
    by_label, by_unit, by_pixel = list(zip(*errors)), list(zip(*hiddens)), list(zip(*inputs))
    deltas = [
        [sum(map(mul, error, weights)) if activation > 0 else 0.0 for error, activation in zip(errors, activations)]
        for weights, activations in zip(zip(*model["w2"]), by_unit)
    ]
    for weights, biases, slopes, sources in (("w2", "b2", by_label, by_unit), ("w1", "b1", deltas, by_pixel)):
        model[weights] = [
            [weight - rate * sum(map(mul, slope, source)) for weight, source in zip(row, sources)]
            for row, slope in zip(model[weights], slopes)
        ]
        model[biases] = [bias - rate * sum(slope) for bias, slope in zip(model[biases], slopes)]
    return loss


def evaluate(model, rows):
    """Mean loss and the share of right answers."""
    loss, right = 0.0, 0
    for pixels, digit in rows:
        chances = forward(model, pixels)[1]
        loss -= math.log(max(chances[digit], 1e-300))
        right += chances.index(max(chances)) == digit
    return loss / len(rows), right / len(rows)


def save(state, folder, name):
    """Replaces the checkpoint whole: whoever kills us finds the old one or the new one."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path + ".tmp", "w") as out:
        json.dump(state, out)
        out.flush()
        os.fsync(out.fileno())
    os.replace(path + ".tmp", path)


def start_state(options):
    """A fresh state, or the checkpoint's. Everything that the rest of the run depends on is in it."""
    given = {key: getattr(options, key) for key in DEFAULTS if getattr(options, key) is not None}
    if options.resume is None:
        chosen = {**DEFAULTS, **given}
        model = new_model(chosen["hidden"], chosen["seed"])
        return {"options": chosen, "epoch": 0, "batch": 0, "loss_sum": 0.0, "best": 0.0, "model": model}
    with open(options.resume) as source:
        state = json.load(source)
    if given.get("hidden", state["options"]["hidden"]) != state["options"]["hidden"]:
        sys.exit("train.py: the network in %s has its size already, so --hidden cannot change" % options.resume)
    if state["batch"] > 0 and given.get("batch_size", state["options"]["batch_size"]) != state["options"]["batch_size"]:
        sys.exit("train.py: %s stopped inside an epoch, so --batch-size cannot change" % options.resume)
    state["options"].update(given)
    done = (state["epoch"], state["batch"])
    print("resuming from %s: %d epochs and %d batches are done" % (options.resume, *done), flush=True)
    return state


def train_epoch(state, rows, stop):
    """Runs what is left of the state's epoch, in an order made of seed and epoch alone; False where it was stopped."""
    chosen = state["options"]
    size = chosen["batch_size"]
    order = list(rows)
    random.Random("%d/%d" % (chosen["seed"], state["epoch"])).shuffle(order)
    batches = range(0, len(order), size)
    for start in batches[state["batch"] :]:
        if stop():
            return False
        batch = order[start : start + size]
        loss = train_batch(state["model"], batch, chosen["lr"])
        state["loss_sum"] += loss
        state["batch"] += 1
        if state["batch"] % 15 == 0:
            log_metric("batch_loss", loss / len(batch), step=state["epoch"] * len(batches) + state["batch"])
    return True


def on_sigterm(_signal, _frame):
    global stop_asked
    stop_asked = True


def main():
    options = read_options()
    signal.signal(signal.SIGTERM, on_sigterm)
    rows, validation = read_data(options.data)
    state = start_state(options)
    print("%d images to learn from, %d to check with; %s" % (len(rows), len(validation), state["options"]), flush=True)
    while state["epoch"] < options.epochs:
        started = time.monotonic()
        if not train_epoch(state, rows, lambda: stop_asked):
            save(state, options.save_dir, "last.json")
            print("stopped by SIGTERM in epoch %d; saved last.json" % (state["epoch"] + 1), flush=True)
            return 143
        val_loss, val_acc = evaluate(state["model"], validation)
        loss = state["loss_sum"] / len(rows)
        state.update(epoch=state["epoch"] + 1, batch=0, loss_sum=0.0)
        for name, value in (("loss", loss), ("val_loss", val_loss), ("val_acc", val_acc)):
            log_metric(name, value, step=state["epoch"])
        if val_acc > state["best"]:
            state["best"] = val_acc
            save(state, options.save_dir, "best.json")
        save(state, options.save_dir, "last.json")
        seconds = time.monotonic() - started
        progress = (state["epoch"], options.epochs, loss, val_acc, seconds)
        print("epoch %d/%d  loss %.3f  val_acc %.3f  %.1f s" % progress, flush=True)
    print("best val_acc %.3f" % state["best"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
