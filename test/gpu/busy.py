"""Multiplies matrices on the card that it sees for some seconds, and says which card that is."""
import sys
import time

import torch

properties = torch.cuda.get_device_properties(0)
print("uuid", getattr(properties, "uuid", ""), flush=True)
a = torch.randn(8192, 8192, device="cuda")
end = time.time() + float(sys.argv[1])
while time.time() < end:
    for _ in range(10):
        b = a @ a
    torch.cuda.synchronize()
