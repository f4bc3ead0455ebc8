"""Makes cases of PyTorch's own operator tests (OpInfo `sample_inputs`): values, first and second derivatives in float64, stored as float32.

    python3 make.py FOLDER [--each 3] [--most 700] [--but OTHER/index.json] [OPERATOR ...]

All operators unless named; `--each`: so many cases of each; `--most`: so many numbers in a case's inputs; `--but`: none that this index has.
Needs PyTorch 1.13 (Debian's python3-torch).
"""
import argparse
import hashlib
import json
import os
import sys
import types
import unittest
import warnings

warnings.filterwarnings("ignore")
# PyTorch's tests ask for a package that its operators do not need.
sys.modules.setdefault("expecttest", types.SimpleNamespace(ACCEPT=False, TestCase=unittest.TestCase))
import torch
from torch.testing._internal.common_methods_invocations import op_db

arguments = argparse.ArgumentParser()
arguments.add_argument("folder")
arguments.add_argument("--each", type=int, default=3)
arguments.add_argument("--most", type=int, default=700)
arguments.add_argument("--but")
arguments.add_argument("operators", nargs="*")
given = arguments.parse_intermixed_args()
torch.manual_seed(0)
os.makedirs(given.folder, exist_ok=True)
known = {case["op"] for case in json.load(open(given.but))["cases"]} if given.but else set()


blob = bytearray()


class Cannot(Exception):
    """A sample that the format has no form for, or that is too large."""


def put(tensor):
    """Writes a tensor, and gives its entry."""
    blob.extend(b"\0" * (-len(blob) % 16))
    tensor = tensor.detach().contiguous()
    if tensor.dtype.is_floating_point:
        dtype, data = "F32", tensor.to(torch.float32)
    elif tensor.dtype == torch.bool:
        dtype, data = "U8", tensor.to(torch.uint8)
    else:
        dtype, data = "I32", tensor.to(torch.int32)
    offset = len(blob)
    blob.extend(data.numpy().tobytes())
    return {"dtype": dtype, "shape": list(tensor.shape), "offset": offset, "nbytes": len(blob) - offset}


def draw(like):
    return torch.randn(like.shape, dtype=torch.float64).float().double()


def written(value, tensors):
    """An argument as JSON; its tensors, rounded to float32, are added to the list."""
    if isinstance(value, torch.Tensor):
        if value.is_complex() or value.is_sparse or value.numel() == 0:
            raise Cannot
        rounded = value.detach().to(torch.float32).to(torch.float64) if value.dtype.is_floating_point else value.detach()
        tensors.append(rounded.clone())
        return {"tensor": len(tensors) - 1}
    if isinstance(value, (list, tuple)):
        return [written(item, tensors) for item in value]
    if isinstance(value, float) and value in (float("inf"), -float("inf")):
        return "inf" if value > 0 else "-inf"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise Cannot


def read(value, like, tensors):
    """An argument from JSON, tuples where they were."""
    if isinstance(value, dict):
        return tensors[value["tensor"]]
    if isinstance(value, list):
        items = [read(item, other, tensors) for item, other in zip(value, like)]
        return tuple(items) if isinstance(like, tuple) else items
    return float(value) if isinstance(like, float) else value


def second_order(first, directions, targets):
    """The derivative by the targets of the sum of <first, directions>; None where there is none."""
    pairs = [(g, w) for g, w in zip(first, directions) if g.requires_grad]
    if not pairs:
        return None
    try:
        found = torch.autograd.grad(sum((g * w).sum() for g, w in pairs), targets, allow_unused=True)
    except RuntimeError:
        return None
    return [torch.zeros_like(x) if d is None else d for d, x in zip(found, targets)]


def run(op, number, sample, only=None):
    """A case; `only`: which tensors to differentiate by."""
    tensors = []
    arguments = (sample.input,) + tuple(sample.args)
    args = [written(value, tensors) for value in arguments]
    kwargs = {name: written(value, tensors) for name, value in sample.kwargs.items()}
    if sum(t.numel() for t in tensors) > given.most:
        raise Cannot
    for i, tensor in enumerate(tensors):
        if tensor.dtype.is_floating_point and (only is None or i in only):
            tensor.requires_grad_(True)
    y = op.op(
        *[read(value, like, tensors) for value, like in zip(args, arguments)],
        **{name: read(value, sample.kwargs[name], tensors) for name, value in kwargs.items()},
    )
    y = y[0] if isinstance(y, (tuple, list)) else y
    if not isinstance(y, torch.Tensor) or not y.dtype.is_floating_point or not y.requires_grad or not 0 < y.numel() <= 2 * given.most:
        raise Cannot
    cotangent = draw(y).requires_grad_(True)
    wrt = [i for i, t in enumerate(tensors) if t.requires_grad]
    found = torch.autograd.grad(y, [tensors[i] for i in wrt], cotangent, create_graph=True, allow_unused=True)
    first = [(i, g) for i, g in zip(wrt, found) if g is not None]
    directions = [draw(g) for _, g in first]
    second = second_order([g for _, g in first], directions, [tensors[i] for i, _ in first] + [cotangent])
    variant = op.variant_test_name
    return {
        "id": f"{op.name}{'/' + variant if variant else ''}#{number}",
        "op": op.name,
        "variant": variant,
        "args": args,
        "kwargs": kwargs,
        "inputs": [put(t) for t in tensors],
        "output": put(y),
        "cotangent": put(cotangent),
        "grads": [{"input": i, **put(g)} for i, g in first],
        "second_order": second
        and {
            "w": [{"input": i, **put(w)} for (i, _), w in zip(first, directions)],
            "d_inputs": [{"input": i, "zero": not bool(d.any()), **put(d)} for (i, _), d in zip(first, second)],
            "d_cotangent": put(second[-1]),
        },
    }


cases = []
counts = {}
for op in op_db:
    if op.name in known or (given.operators and op.name not in given.operators) or torch.float64 not in op.dtypes:
        continue
    try:
        samples = list(op.sample_inputs("cpu", torch.float64, requires_grad=False))
    except Exception as reason:
        print(op.name, reason, file=sys.stderr)
        continue
    for n, sample in enumerate(samples):
        if counts.get(op.name, 0) >= given.each:
            break
        try:
            try:
                case = run(op, n, sample)
            except RuntimeError as reason:
                if "not differentiable with respect" not in str(reason):
                    raise
                case = run(op, n, sample, only=[0])
        except (Cannot, RuntimeError, TypeError):
            continue
        cases.append(case)
        counts[op.name] = counts.get(op.name, 0) + 1
head = {"format": "opinfo-grads/1", "blob": "data.bin", "blob_sha256": hashlib.sha256(blob).hexdigest(), "count": len(cases)}
with open(os.path.join(given.folder, "data.bin"), "wb") as file:
    file.write(blob)
with open(os.path.join(given.folder, "index.json"), "w") as file:
    file.write(json.dumps(head)[:-1] + ',"cases":[\n' + ",\n".join(json.dumps(c) for c in cases) + "\n]}\n")
print(len(cases), "cases,", len(blob), "bytes")
