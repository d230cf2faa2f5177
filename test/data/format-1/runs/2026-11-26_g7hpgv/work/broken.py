raise ValueError("no such label: 7")
