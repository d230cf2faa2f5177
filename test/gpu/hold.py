"""Somebody outside: holds two gigabytes of the first card until it is killed."""
import time

import torch

kept = torch.zeros(512, 1024, 1024, device="cuda")
time.sleep(300)
