"""Writes float32 arrays as a safetensors file, for the scripts of this folder."""

import json
import struct


def write(path, arrays):
    header, blobs, at = {}, [], 0
    for name, value in arrays.items():
        blob = value.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
