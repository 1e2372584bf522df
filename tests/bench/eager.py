"""The Python side of the benchmark: the same operators and the same WAN block in eager PyTorch.

Reads requests, one JSON object a line, and answers each with one line:
    {"what": "op", "count": n}                  -> {"seconds": per call}
    {"what": "block", "shape": {...}, "count": n} -> {"seconds": per forward and backward, "check": [...]}
"""
import json
import math
import sys
import time

import torch
import torch.nn.functional as F


def fill(shape, index, scale):
    """Numbers that both sides can make: sin(0.37 i + index) * scale."""
    count = math.prod(shape)
    values = torch.arange(count, dtype=torch.float64).mul(0.37).add(index).sin().mul(scale)
    return values.to(torch.float32).reshape(shape)


def rotate(x, table):
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * table).flatten(3)


def rotate_by_parts(x, table):
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    out = torch.empty_like(x)
    out[..., 0::2] = even * table.real - odd * table.imag
    out[..., 1::2] = even * table.imag + odd * table.real
    return out


class Block:
    """A WAN transformer block as diffusers computes it, in float32."""

    def __init__(self, shape, weights, rope):
        self.heads, self.w, self.rope, self.rotate = shape["heads"], weights, rope, rotate

    def linear(self, x, name):
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def attention(self, name, x, context, rotated):
        width = x.shape[-1]
        q = F.rms_norm(self.linear(x, name + ".to_q"), (width,), self.w[name + ".norm_q.weight"], 1e-6)
        k = F.rms_norm(self.linear(context, name + ".to_k"), (width,), self.w[name + ".norm_k.weight"], 1e-6)
        v = self.linear(context, name + ".to_v")
        q, k, v = (y.unflatten(2, (self.heads, -1)) for y in (q, k, v))
        if rotated:
            q, k = self.rotate(q, self.rope), self.rotate(k, self.rope)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.linear(y.transpose(1, 2).flatten(2, 3), name + ".to_out.0")

    def __call__(self, x, time_projection, text):
        width = x.shape[-1]
        rows = (self.w["scale_shift_table"] + time_projection.float()).chunk(6, dim=1)
        shift, scale, gate, ffn_shift, ffn_scale, ffn_gate = rows
        y = (F.layer_norm(x.float(), (width,), None, None, 1e-6) * (1 + scale) + shift).type_as(x)
        x = (x.float() + self.attention("attn1", y, y, True) * gate).type_as(x)
        y = F.layer_norm(x.float(), (width,), self.w["norm2.weight"], self.w["norm2.bias"], 1e-6).type_as(x)
        x = x + self.attention("attn2", y, text, False)
        y = (F.layer_norm(x.float(), (width,), None, None, 1e-6) * (1 + ffn_scale) + ffn_shift).type_as(x)
        y = self.linear(F.gelu(self.linear(y, "ffn.net.0.proj"), approximate="tanh"), "ffn.net.2")
        return (x.float() + y.float() * ffn_gate).type_as(x)


class BlockBench:
    def __init__(self, shape):
        b, l, s, c = shape["batch"], shape["tokens"], shape["textTokens"], shape["width"]
        weights = {}
        for index, (name, sizes) in enumerate(shape["weights"]):
            weights[name] = fill(sizes, index, sizes[-1] ** -0.5).requires_grad_()
        angles = fill([1, l, 1, c // shape["heads"] // 2], 100, 3)
        rope = torch.complex(angles.cos(), angles.sin())
        self.params = list(weights.values())
        self.block = Block(shape, weights, rope)
        self.x = fill([b, l, c], 101, 1).requires_grad_()
        self.time = fill([b, 6, c], 102, 1)
        self.text = fill([b, s, c], 103, 1)
        self.seed = fill([b, l, c], 104, 1)
        with torch.no_grad():  # whichever form of the rotation is faster here
            times = {}
            for way in (rotate, rotate_by_parts):
                self.block.rotate = way
                times[way] = min(self.run(1) for _ in range(3))
            self.block.rotate = min(times, key=times.get)

    def once(self):
        with torch.enable_grad():
            out = self.block(self.x, self.time, self.text)
            return out, torch.autograd.grad([out], [self.x, *self.params], [self.seed])

    def run(self, count):
        start = time.perf_counter()
        for _ in range(count):
            self.once()
        return (time.perf_counter() - start) / count

    def check(self):
        out, grads = self.once()
        return [out.norm().item(), *(g.norm().item() for g in grads)]


def ops(count):
    a, b = torch.ones(1), torch.ones(1)
    start = time.perf_counter()
    for _ in range(count):
        c = a + b
    return (time.perf_counter() - start) / count


def main():
    torch.set_num_threads(int(sys.argv[1]))
    print(json.dumps({"torch": torch.__version__}), flush=True)
    blocks = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["what"] == "op":
            answer = {"seconds": ops(request["count"])}
        else:
            key = json.dumps(request["shape"])
            bench = blocks.get(key) or blocks.setdefault(key, BlockBench(request["shape"]))
            answer = {"seconds": bench.run(request["count"]), "check": bench.check()}
        print(json.dumps(answer), flush=True)


main()
