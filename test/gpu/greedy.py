"""Takes memory of the card until there is none."""
import torch

kept = []
while True:
    kept.append(torch.zeros(256, 1024, 1024, device="cuda"))
