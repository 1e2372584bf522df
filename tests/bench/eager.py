"""The Python side of the benchmark: the same operators and the same WAN block in eager PyTorch. `eager.py THREADS [DEVICE]`

Reads requests, one JSON object a line, and answers each with one line:
    {"what": "op", "count": n}                  -> {"seconds": per call}
    {"what": "block", "shape": {...}, "count": n} -> {"seconds": per forward and backward, "check": [...]}
    {"what": "step", "shape": {...}, "count": n, "draws": [...]} -> {"seconds": per step, "cpuSeconds": processor time, ...}
"""
import json
import math
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint


DEVICE = sys.argv[2] if len(sys.argv) > 2 else "cpu"


def fill(shape, index, scale, dtype=torch.float32):
    """Numbers that both sides can make: sin(0.37 i + index) * scale."""
    count = math.prod(shape)
    values = torch.arange(count, dtype=torch.float64, device=DEVICE).mul_(0.37).add_(index).sin_().mul_(scale)
    return values.to(dtype).reshape(shape)


def synchronize():
    if DEVICE != "cpu":
        torch.cuda.synchronize()


def rotate(x, table):
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * table).flatten(3)


def rotate_by_parts(x, table):
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    out = torch.empty_like(x)
    out[..., 0::2] = even * table.real - odd * table.imag
    out[..., 1::2] = even * table.imag + odd * table.real
    return out


class Block:
    """A WAN transformer block as diffusers computes it; with a LoRA where the weights hold one, as peft computes it."""

    def __init__(self, shape, weights, rope):
        self.heads, self.w, self.rope, self.rotate = shape["heads"], weights, rope, rotate

    def linear(self, x, name):
        y = F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])
        down = self.w.get(name + ".lora_A.weight")
        if down is None:
            return y
        up = self.w[name + ".lora_B.weight"]
        return y + F.linear(F.linear(x, down.to(x.dtype)), up.to(x.dtype)) * 1.0

    def rms_norm(self, x, name):
        return F.rms_norm(x, (x.shape[-1],), self.w[name].to(x.dtype), 1e-6)

    def attention(self, name, x, context, rotated):
        q = self.rms_norm(self.linear(x, name + ".to_q"), name + ".norm_q.weight")
        k = self.rms_norm(self.linear(context, name + ".to_k"), name + ".norm_k.weight")
        v = self.linear(context, name + ".to_v")
        q, k, v = (y.unflatten(2, (self.heads, -1)) for y in (q, k, v))
        if rotated:
            q, k = self.rotate(q, self.rope).type_as(v), self.rotate(k, self.rope).type_as(v)
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


def rope_table(grid, head_width):
    """exp(i position theta_j) along frames, rows and columns: [1, L, 1, D/2] complex64."""
    side = 2 * (head_width // 6)
    parts = []
    for axis, channels in enumerate((head_width - 2 * side, side, side)):
        theta = 10000.0 ** -(torch.arange(0, channels, 2, dtype=torch.float64) / channels)
        angles = torch.outer(torch.arange(grid[axis], dtype=torch.float64), theta)
        size = [1, 1, 1, channels // 2]
        size[axis] = grid[axis]
        parts.append(angles.reshape(size).expand(*grid, -1))
    angles = torch.cat(parts, dim=-1).reshape(1, math.prod(grid), 1, head_width // 2)
    return torch.complex(angles.cos().float(), angles.sin().float()).to(DEVICE)


class StepBench:
    """A whole training step as diffusers and a training loop compute it: loss, gradients, clipping, AdamW."""

    def __init__(self, shape):
        self.shape = shape
        dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16}
        self.dtype = dtypes[shape["dtype"]]
        self.w = {
            t["name"]: fill(t["shape"], t["index"], t["scale"], dtypes[t["dtype"]]) for t in shape["tensors"]
        }
        names = [n for n in self.w if shape["method"] == "full" or "lora_" in n]
        self.trained = [self.w[n].requires_grad_() for n in names]
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        grid, width = shape["grid"], shape["dim"]
        self.rope = rope_table(grid, width // shape["heads"])
        prefixes = [f"blocks.{i}." for i in range(shape["layers"])]
        self.blocks = [
            Block(shape, {n[len(p):]: t for n, t in self.w.items() if n.startswith(p)}, self.rope) for p in prefixes
        ]
        self.clean = fill([1, 16, grid[0], 2 * grid[1], 2 * grid[2]], 1001, 1.0)
        self.text = fill([1, 512, 4096], 1002, 1.0).to(self.dtype)
        q = fill([1, math.prod(grid), shape["heads"], width // shape["heads"]], 0, 1.0).to(self.dtype)
        times = {}  # whichever form of the rotation is faster here
        for way in (rotate, rotate_by_parts) * 2:
            synchronize()
            start = time.perf_counter()
            way(q, self.rope)
            synchronize()
            times[way] = time.perf_counter() - start
        for block in self.blocks:
            block.rotate = min(times, key=times.get)

    def linear(self, x, name):
        weight = self.w[name + ".weight"]
        return F.linear(x.to(weight.dtype), weight, self.w[name + ".bias"])

    def forward(self, noisy, sigma):
        width, embedder = self.shape["dim"], "condition_embedder."
        weight = self.w["patch_embedding.weight"]
        x = F.conv3d(noisy.to(weight.dtype), weight, self.w["patch_embedding.bias"], stride=(1, 2, 2))
        x = x.flatten(2).transpose(1, 2)
        angles = sigma * 1000 * 10000.0 ** -(torch.arange(128, dtype=torch.float64) / 128)
        sinusoid = torch.cat([angles.cos(), angles.sin()])[None].float().to(DEVICE)
        temb = F.silu(self.linear(sinusoid, embedder + "time_embedder.linear_1"))
        temb = self.linear(temb, embedder + "time_embedder.linear_2")
        projection = self.linear(F.silu(temb), embedder + "time_proj").unflatten(1, (6, -1))
        text = F.gelu(self.linear(self.text, embedder + "text_embedder.linear_1"), approximate="tanh")
        text = self.linear(text, embedder + "text_embedder.linear_2")
        for block in self.blocks:
            if self.shape["recompute"]:
                x = checkpoint(block, x, projection, text, use_reentrant=False)
            else:
                x = block(x, projection, text)
        shift, scale = (self.w["scale_shift_table"] + temb.float().unsqueeze(1)).chunk(2, dim=1)
        x = (F.layer_norm(x.float(), (width,), None, None, 1e-6) * (1 + scale) + shift).type_as(x)
        x = self.linear(x, "proj_out")
        f, h, w = self.shape["grid"]
        return x.reshape(1, f, h, w, 1, 2, 2, 16).permute(0, 7, 1, 4, 2, 5, 3, 6).reshape(1, 16, f, 2 * h, 2 * w)

    def once(self, draw):
        generator = torch.Generator().manual_seed(int(draw["noiseSeed"]))
        noise = torch.randn(self.clean.shape, generator=generator).to(DEVICE)
        sigma = draw["sigma"]
        noisy = (self.clean * (1 - sigma) + noise * sigma).to(self.dtype)
        loss = F.mse_loss(self.forward(noisy, sigma).float(), noise - self.clean)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def run(self, draws):
        synchronize()
        start, cpu = time.perf_counter(), time.process_time()
        losses = [self.once(draw) for draw in draws]
        synchronize()
        return (time.perf_counter() - start) / len(draws), (time.process_time() - cpu) / len(draws), losses


def ops(count):
    a, b = torch.ones(1), torch.ones(1)
    start = time.perf_counter()
    for _ in range(count):
        c = a + b
    return (time.perf_counter() - start) / count


def main():
    torch.set_num_threads(int(sys.argv[1]))
    print(json.dumps({"torch": torch.__version__}), flush=True)
    benches = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["what"] == "op":
            answer = {"seconds": ops(request["count"])}
        else:
            key = json.dumps(request["shape"])
            if key not in benches:
                benches.clear()
                benches[key] = (StepBench if request["what"] == "step" else BlockBench)(request["shape"])
            bench = benches[key]
            if request["what"] == "step":
                seconds, cpu, losses = bench.run(request["draws"])
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                if DEVICE != "cpu":
                    peak = torch.cuda.max_memory_allocated()
                answer = {"seconds": seconds, "cpuSeconds": cpu, "check": losses, "peakBytes": peak}
            else:
                answer = {"seconds": bench.run(request["count"]), "check": bench.check()}
        print(json.dumps(answer), flush=True)


main()
