#!/usr/bin/env python3
"""Reads handwritten digits with random Fourier features and a linear classifier, on what this Python has installed.

    python3 train.py --epochs 20
    ml queue -f examples/numpy-digits/train.py --epochs 20

The classifier is scikit-learn's or PyTorch's where one of them is installed, else a few lines of NumPy. It shows its
progress as Keras does and writes model.npz. The idea: Rahimi and Recht, "Random features for large-scale kernel
machines" (2007).
"""

import argparse
import gzip
import importlib
import os
import sys
import time

try:
    from ml_runner import log_metrics
except ImportError:  # by hand, without ml

    def log_metrics(values, step=None):
        pass


HERE = os.path.dirname(os.path.abspath(__file__))
VALIDATION = 360
BAR = 30


def read_options():
    parser = argparse.ArgumentParser(description="Train a kernel-like classifier on 8x8 handwritten digits.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--lr", type=float, default=0.5)
    parser.add_argument("--features", type=int, default=2000, help="random features (default 2000)")
    parser.add_argument("--gamma", type=float, default=0.2, help="width of the kernel (default 0.2)")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", choices=["auto", *BACKENDS], default="auto")
    parser.add_argument("--out", default="model.npz", metavar="FILE")
    parser.add_argument("--data", default=os.path.join(HERE, "..", "digits", "data", "digits.csv.gz"), metavar="FILE")
    return parser.parse_args()


def scikit_classifier(features, lr, seed):
    """`step` learns from a batch and returns its loss before that; `weights` is features x digits, then the bias."""
    import numpy as np
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=lr, alpha=1e-6, random_state=seed)
    model.partial_fit(np.zeros((10, features)), np.arange(10), classes=np.arange(10))

    def step(x, y):
        chances = model.predict_proba(x)
        model.partial_fit(x, y)
        return cross_entropy(chances, y)

    return step, lambda: np.vstack([model.coef_.T, model.intercept_])


def torch_classifier(features, lr, seed):
    import torch

    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = torch.nn.Linear(features, 10).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)

    def step(x, y):
        x = torch.as_tensor(x, dtype=torch.float32, device=device)
        loss = torch.nn.functional.cross_entropy(model(x), torch.as_tensor(y, device=device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    def weights():
        with torch.no_grad():
            return torch.vstack([model.weight.T, model.bias]).cpu().numpy()

    return step, weights


def numpy_classifier(features, lr, seed):
    import numpy as np

    weights = np.zeros((features + 1, 10))
    velocity = np.zeros_like(weights)

    def step(x, y):
        chances = softmax(x @ weights[:-1] + weights[-1])
        loss = cross_entropy(chances, y)
        chances[np.arange(len(y)), y] -= 1
        chances /= len(y)
        velocity[...] = 0.9 * velocity - lr * np.vstack([x.T @ chances, chances.sum(axis=0)])
        weights[...] += velocity
        return loss

    return step, lambda: weights


BACKENDS = {"sklearn": scikit_classifier, "torch": torch_classifier, "numpy": numpy_classifier}


def pick_backend(wanted):
    """The first backend that can be imported; says what is missing, and exits with 1, where none can."""
    problems = []
    for name in BACKENDS if wanted == "auto" else [wanted]:
        try:
            for package in ("numpy", name):
                importlib.import_module(package)
            return name
        except ImportError as problem:
            problems.append("--backend %s: %s" % (name, problem))
    print("train.py: a package is missing in %s:" % sys.executable, *problems, sep="\n  ", file=sys.stderr)
    package = {"sklearn": "numpy scikit-learn", "torch": "numpy torch"}.get(wanted, "numpy")
    print("what it needs at least: %s -m pip install %s" % (sys.executable, package), file=sys.stderr)
    sys.exit(1)


def softmax(scores):
    import numpy as np

    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy(chances, y):
    import numpy as np

    return float(-np.log(np.maximum(chances[np.arange(len(y)), y], 1e-12)).mean())


def read_features(options, rng):
    """Images as random Fourier features, and the digits they show, in one fixed order; and the features' projection."""
    import numpy as np

    with gzip.open(options.data, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",")
    table = table[np.random.default_rng(1998).permutation(len(table))]
    projection = rng.normal(scale=np.sqrt(2 * options.gamma), size=(64, options.features))
    offset = rng.uniform(0, 2 * np.pi, options.features)
    x = np.sqrt(2 / options.features) * np.cos(table[:, :64] / 16 @ projection + offset)
    return x, table[:, 64].astype(int), projection, offset


def show(done, total, started, text):
    seconds = time.monotonic() - started
    if done < total:
        filled = BAR * done // total
        bar = "=" * filled + ">" + "." * (BAR - filled - 1)
        left = seconds / done * (total - done)
        print("\r%*d/%d [%s] - ETA: %ds - %s" % (len(str(total)), done, total, bar, left, text), end="")
    else:
        print("\r%d/%d [%s] - %ds %dms/step - %s" % (done, total, "=" * BAR, seconds, 1000 * seconds / done, text))
    sys.stdout.flush()


def main():
    options = read_options()
    backend = pick_backend(options.backend)
    import numpy as np

    rng = np.random.default_rng(options.seed)
    x, y, projection, offset = read_features(options, rng)
    held_x, held_y, x, y = x[:VALIDATION], y[:VALIDATION], x[VALIDATION:], y[VALIDATION:]
    print("%d images, %d random features, classifier by %s" % (len(x), options.features, backend), flush=True)
    step, weights = BACKENDS[backend](options.features, options.lr, options.seed)
    total = -(-len(x) // options.batch_size)
    accuracy = float("nan")
    for epoch in range(1, options.epochs + 1):
        print("Epoch %d/%d" % (epoch, options.epochs), flush=True)
        started, loss = time.monotonic(), 0.0
        order = rng.permutation(len(x))
        for done in range(total):
            batch = order[done * options.batch_size : (done + 1) * options.batch_size]
            loss += step(x[batch], y[batch])
            if done + 1 < total:
                show(done + 1, total, started, "loss: %.4f" % (loss / (done + 1)))
        learned = weights()
        accuracy = float((np.argmax(held_x @ learned[:-1] + learned[-1], axis=1) == held_y).mean())
        log_metrics({"loss": loss / total, "val_acc": accuracy}, step=epoch)
        show(total, total, started, "loss: %.4f - val_acc: %.4f" % (loss / total, accuracy))
    np.savez(options.out, weights=weights(), projection=projection, offset=offset)
    print("wrote %s; val_acc %.3f" % (options.out, accuracy))
    return 0


if __name__ == "__main__":
    sys.exit(main())
