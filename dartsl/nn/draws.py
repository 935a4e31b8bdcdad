"""Everything random in a lowered network, keyed by what it is for instead of by when it is drawn.

Initial weights depend on (seed, path) and random primitives on (seed, step, kind of batch, path): neither on the
order of construction nor on what was drawn before. So every optimisation level and both sides of a finite
difference see the same numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from dartsl.nn.ahead import drawn
from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.share import WHOLE, Share


def stream_seed(*key: int | str) -> int:
    """A seed below 2**63 for one stream of draws; different keys give unrelated streams."""
    text = "\0".join(f"{type(part).__name__}:{part}" for part in key)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@contextmanager
def seeded(*key: int | str) -> Iterator[None]:
    """Within it what this thread draws on the CPU without a generator of its own is the stream of `key`.

    The numbers are those of torch's own generator with that seed, which is not touched: other threads use it too.
    """
    with _Stream(torch.Generator("cpu").manual_seed(stream_seed(*key))):
        yield


class _Stream(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hands a generator to each operation that draws. (A module's constructor takes none.)"""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._generator = generator

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded in func.tags and given.get("generator") is None:
            place = next((each.device for each in args if isinstance(each, Tensor)), given.get("device"))
            drawing = _with_generator(func)
            if drawing is not None and (place is None or torch.device(place).type == "cpu"):
                return drawing(*args, **{**given, "generator": self._generator})
        return func(*args, **given)


@cache
def _with_generator(func: torch._ops.OpOverload[..., Any]) -> Callable[..., Any] | None:
    """The overload of an operation that takes a generator besides; None where there is none."""
    wanted = {argument.name for argument in func._schema.arguments} | {"generator"}
    packet = func.overloadpacket
    overloads = (getattr(packet, name) for name in (func._overloadname, *packet.overloads()))
    found = next((each for each in overloads if {a.name for a in each._schema.arguments} == wanted), None)
    return found or _like(func._schema.name)


def _like(name: str) -> Callable[..., Any] | None:
    """`rand_like` and its kin with a generator, as torch has them in C++: before torch 2.10 they take none."""
    fills: dict[str, Callable[..., Tensor]] = {
        "aten::rand_like": Tensor.uniform_,
        "aten::randn_like": Tensor.normal_,
        "aten::randint_like": lambda made, *limits, **given: made.random_(*(0, *limits)[-2:], **given),
    }
    fill = fills.get(name)
    if fill is None:
        return None

    def drawing(like: Tensor, *limits: int, generator: torch.Generator, **given: Any) -> Tensor:
        return fill(torch.empty_like(like, **given), *limits, generator=generator)

    return drawing


def seed_torch(seed: int, device: torch.device | None = None) -> None:
    """Seed torch's CPU generator and, where `device` is a GPU, that GPU's.

    (torch.manual_seed would seed those of all GPUs.)
    """
    torch.default_generator.manual_seed(seed)
    if device is not None and device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def seed_of(share: Share, seed: int) -> int:
    """The seed of torch's own generators, where plugins draw: another one for each process, the first's as it is."""
    return stream_seed(seed, "from row", share.first) if share.first else seed


@dataclass(frozen=True)
class Draws:
    """The random primitives' source of numbers, one for a network: they depend on its seed, the pass and a path."""

    seed: int

    def normal(self, pass_: Pass, path: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Standard normal draws of one primitive (named by its path), with the type and device of `like`."""
        if like.is_meta:
            return like.new_empty(shape)
        rows = 0 if len(shape) == 4 else len(shape) - 2  # images; a vector or a sequence
        device, dtype = like.device, like.dtype

        def draw(pass_: Pass) -> Tensor:
            whole = pass_.share.widened(shape, rows)
            generator = self._generator(pass_, path, device)
            normal = torch.randn(whole, generator=generator, device=device, dtype=dtype)
            return pass_.share.own(normal, rows)

        return drawn(pass_, path, draw)

    def kept_images(self, pass_: Pass, path: str, like: Tensor) -> Tensor:
        """For each image of `like`, 0 with probability `drop_path`, else 1 / (1 - drop_path): (B, 1, ...).

        Drawn on the CPU, so that a seed means the same on every device.
        """
        shape = (like.shape[0], *(1 for _ in like.shape[1:]))
        if like.is_meta:
            return like.new_empty(shape)
        device, dtype = like.device, like.dtype

        def draw(pass_: Pass) -> Tensor:
            keep = 1 - pass_.drop_path
            generator = self._generator(pass_, path, torch.device("cpu"))
            even = torch.rand(pass_.share.widened(shape, 0), generator=generator, dtype=torch.float64)
            # First its type: a bool by a number is float32, and 1 / keep would be too.
            kept = (pass_.share.own(even, 0) < keep).to(dtype)  # (B, 1, ...)
            return (kept / keep if keep > 0 else kept).to(device, non_blocking=True)

        return drawn(pass_, path, draw)

    def gumbel(self, pass_: Pass, path: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Draws of the Gumbel distribution for a table of alphas: the same in all shares of a batch.

        Drawn on the CPU in float64, so that a seed means the same on every device and in every type.
        """
        if like.is_meta:
            return like.new_empty(shape)
        device, dtype = like.device, like.dtype

        def draw(pass_: Pass) -> Tensor:
            generator = self._generator(pass_, path, torch.device("cpu"))
            even = torch.empty(shape, dtype=torch.float64).exponential_(generator=generator)
            return -even.log().to(device, dtype, non_blocking=True)

        return drawn(pass_, path, draw)

    def even(self, pass_: Pass, path: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Draws from -1 to 1 for a table of mixing weights, by the rules of `gumbel`."""
        if like.is_meta:
            return like.new_empty(shape)
        device, dtype = like.device, like.dtype

        def draw(pass_: Pass) -> Tensor:
            generator = self._generator(pass_, path, torch.device("cpu"))
            unit = torch.rand(shape, generator=generator, dtype=torch.float64)
            return (2 * unit - 1).to(device, dtype, non_blocking=True)

        return drawn(pass_, path, draw)

    def kept(
        self, pass_: Pass, path: str, shape: tuple[int, ...], p: float, like: Tensor, rows: int = 0
    ) -> Tensor:
        """A dropout mask: 0 with the chance p, else 1 / (1 - p), the same in every type; `rows` is the axis of the
        batch's rows."""
        if like.is_meta:
            return like.new_empty(shape)
        device, dtype = like.device, like.dtype

        def draw(pass_: Pass) -> Tensor:
            share = WHOLE if len(shape) == 1 else pass_.share  # words of a vocabulary are no rows of a batch
            generator = self._generator(pass_, path, device)
            whole = share.widened(shape, rows)
            even = torch.rand(whole, generator=generator, device=device, dtype=torch.float32)
            kept = (share.own(even, rows) >= p).to(dtype)
            return kept / (1 - p) if p < 1 else kept

        return drawn(pass_, path, draw)

    def generator(self, pass_: Pass, path: str) -> torch.Generator:
        """On the CPU, for draws that follow from tensors of the pass, so that they cannot be drawn ahead of it."""
        return self._generator(pass_, path, torch.device("cpu"))

    def _generator(self, pass_: Pass, path: str, device: torch.device) -> torch.Generator:
        generator = torch.Generator(device=device)
        generator.manual_seed(stream_seed(self.seed, pass_.step, pass_.kind, path))
        return generator


class DropPath(nn.Module):
    """Each image's map dropped with the probability `drop_path` of the pass, else scaled by 1 / (1 - p).

    (B, C, H, W), in training only. (Larsson et al., arXiv 1605.07648; as in DARTS, for each image.)
    """

    def __init__(self, draws: Draws, path: str) -> None:
        super().__init__()
        self.draws = draws
        self.path = path

    def forward(self, x: Tensor, pass_: Pass = PLAIN) -> Tensor:
        if not self.training:
            return x
        kept = pass_.drawn.get(self.path)
        if kept is not None:
            return x * kept.reshape(-1, *(1 for _ in x.shape[1:])).to(x.dtype)
        if pass_.drop_path == 0:
            return x
        return x * self.draws.kept_images(pass_, self.path, x)

    def extra_repr(self) -> str:
        return repr(self.path)


class SkipDropout(nn.Module):
    """Dropout of each number by itself, at the rate `skip_dropout` of the pass, in training only: of the same shape.

    (P-DARTS, Chen et al., arXiv 1904.12760.) Drawn on the device.
    """

    def __init__(self, draws: Draws, path: str) -> None:
        super().__init__()
        self.draws = draws
        self.path = path

    def forward(self, x: Tensor, pass_: Pass = PLAIN) -> Tensor:
        rate = pass_.scheduled.skip_dropout
        if not self.training or rate == 0:
            return x
        return x * self.draws.kept(pass_, self.path, tuple(x.shape), rate, x)

    def extra_repr(self) -> str:
        return repr(self.path)


class Noise(nn.Module):
    """The primitive `noise`: N(0, 1) of the output's shape, without a gradient to the input (RobustDARTS,
    S4).

    (B, C_in, H, W) -> (B, channels, ceil(H / stride), ceil(W / stride)); a vector (B, C_in) -> (B, channels), a
    sequence (T, B, C_in) -> (T, B, channels).
    """

    def __init__(self, draws: Draws, path: str, channels: int, stride: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.draws = draws
        self.path = path
        self.channels = channels
        self.stride = stride

    def forward(self, x: Tensor, pass_: Pass = PLAIN) -> Tensor:
        if x.dim() != 4:
            return self.draws.normal(pass_, self.path, (*x.shape[:-1], self.channels), like=x)
        size = (-(-length // step) for length, step in zip(x.shape[2:], self.stride, strict=False))
        return self.draws.normal(pass_, self.path, (x.shape[0], self.channels, *size), like=x)

    def extra_repr(self) -> str:
        return f"{self.path!r}, {self.channels}, stride={self.stride}"
