"""dartsl's alpha gradients and whole search steps against the oracle's, float64, and the cells it derives."""

from __future__ import annotations

import copy
import dataclasses
import math
import random
from dataclasses import dataclass

import pytest
import torch

from dartsl.data import ImageData
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.supernet import Supernet
from dartsl.searching.bilevel import Unroll, alpha_gradient
from dartsl.searching.discretise import DerivedCell, derive
from dartsl.searching.image_session import ImageSession
from dartsl.searching.readouts import Reading, softmax_rows
from dartsl.searching.skips import limited
from dartsl.step.batches import ImageBatch

from .following import ORDERS_AND_LEVELS, follow, orders_and_levels
from .mapping import assert_equal, batch, checked, dartsl_name, randomise, renamed, spec_text, twin
from .naive import derive as rules
from .naive.bilevel import Search, Settings, gradients
from .naive.networks import Network
from .naive.operations import DARTS

SIZE = (8, 8)
EPOCHS = 2
XI = 0.2
CONFIG = SearchConfig(
    device="cpu",
    epochs=EPOCHS,
    batch=4,
    lr=0.2,
    lr_min=0.05,
    clip=0.5,  # small, so that steps are clipped
    alphas_lr=0.05,
    crop=0,
    flip=False,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    dtype="float64",
)


def data(images: int) -> ImageData:
    generator = torch.Generator().manual_seed(7)
    pixels = torch.randint(256, (images, *SIZE, 3), generator=generator, dtype=torch.uint8)
    labels = torch.randint(10, (images,), generator=generator)
    return ImageData("noise", pixels, labels, pixels, labels, 10)


def settings(order: str) -> Settings:
    return Settings(order=order, clip=CONFIG.clip, alphas_lr=CONFIG.alphas_lr)


def sides(order: str, nodes: int = 2, level: int = 0) -> tuple[Search, Supernet]:
    """The same network, with alphas from N(0, 1), on both sides; reductions at 1 and 3 of 5 cells."""
    torch.manual_seed(0)
    model = Network(2, 5, nodes=nodes).double()
    randomise(model, seed=1)
    made = twin(model, spec_text("darts_cnn", SIZE, nodes), {"C": 2, "n": 1}, level)
    return Search(model, settings(order)), made


@pytest.mark.parametrize(("order", "level"), orders_and_levels(("1", 2), ("2", 2)))
def test_search_steps(order: str, level: int) -> None:
    """A search as it is run, two epochs of two steps: batches, rates and optimisers are the session's."""
    oracle, model = sides(order, level=level)
    norms: list[float] = []

    def measured(train: ImageBatch) -> None:
        slope = gradients(oracle.model, train)[0]
        norms.append(math.sqrt(sum(float((g**2).sum()) for g in slope.values())))

    session = ImageSession(model, dataclasses.replace(CONFIG, order=order), data(16))
    assert len(follow(oracle, session, before=measured)) == EPOCHS
    assert max(norms) > CONFIG.clip


@pytest.mark.slow
@pytest.mark.parametrize(("order", "level"), ORDERS_AND_LEVELS)
def test_search_steps_with_nesterov_momentum(order: str, level: int) -> None:
    oracle, model = sides(order, level=level)
    oracle.settings = dataclasses.replace(oracle.settings, nesterov=True)
    session = ImageSession(model, dataclasses.replace(CONFIG, order=order, nesterov=True), data(16))
    assert len(follow(oracle, session)) == EPOCHS


@dataclass(frozen=True)
class Stepped:
    """Both sides after two of the oracle's steps, so that momentum buffers are not zero, and more batches."""

    oracle: Search
    model: Supernet
    unroll: Unroll
    train: tuple[torch.Tensor, torch.Tensor]
    validation: tuple[torch.Tensor, torch.Tensor]

    def wanted(self, order: str, momentum: float = 0.9) -> dict[str, torch.Tensor]:
        self.oracle.settings = dataclasses.replace(settings(order), momentum=momentum)
        return self.oracle.alpha_gradient(self.train, self.validation, XI)


@pytest.fixture(scope="module", params=[pytest.param(0, marks=pytest.mark.slow), 2])
def stepped(request: pytest.FixtureRequest) -> Stepped:
    oracle, model = sides("1", nodes=3, level=request.param)
    batches = [batch(SIZE, 4, seed) for seed in range(6)]
    for train, validation in zip(batches[:2], batches[2:4], strict=True):
        oracle.step(train, validation, XI)
    model.load_state_dict(renamed(oracle.model, oracle.model.state_dict()))
    names = [name for name, _ in model.named_parameters() if name.startswith("network.")]
    buffers = renamed(oracle.model, oracle.buffers)
    assert all(buffer.abs().max() > 0 for buffer in buffers.values())
    unroll = Unroll(XI, 0.9, 3e-4, [buffers[name] for name in names])
    return Stepped(oracle, model, unroll, batches[4], batches[5])


def test_alpha_gradients(stepped: Stepped) -> None:
    """All orders; and the model, running statistics included, comes out of it bit for bit."""
    before = copy.deepcopy(stepped.model.state_dict())
    all_wanted = []
    for order in ("1", "2", "exact"):
        wanted = stepped.wanted(order)
        found = alpha_gradient(
            stepped.model,
            ImageBatch(*stepped.train),
            ImageBatch(*stepped.validation),
            order,
            unroll=stepped.unroll,
            r=0.01,
        )
        assert_equal(dict(zip(("normal", "reduction"), found.gradients, strict=True)), wanted)
        for name, value in stepped.model.state_dict().items():
            assert torch.equal(value, before[name]), name
        all_wanted.append(wanted["normal"])
    # the orders, and a lost momentum term, differ here: else the comparisons could not tell them apart
    all_wanted.append(stepped.wanted("2", momentum=0.0)["normal"])
    for i, one in enumerate(all_wanted):
        for other in all_wanted[:i]:
            assert (one - other).abs().max() > 1e-4 * one.abs().max()


def test_running_statistics_move_once_a_step() -> None:
    """By the weight step's batch alone, at the weights and alphas of that step."""
    _, model = sides("2")
    session = ImageSession(model, dataclasses.replace(CONFIG, order="2"), data(8))
    session.begin_epoch()
    session.take_step(next(iter(session.batches)))
    counts = [value for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")]
    assert counts
    assert all(int(count) == 1 for count in counts)


def picks(found: DerivedCell, first: int) -> list[list[rules.Pick]]:
    """A derived cell as the oracle writes it; `first` is the number in the first node's name."""
    inputs = [item.name for item in found.cell.inputs]
    sources = {name: place for place, name in enumerate([*inputs, *(n.name for n in found.cell.nodes)])}
    cell: list[list[rules.Pick]] = [[] for _ in found.cell.nodes]
    for kept in found.edges:
        node = int(kept.edge.target.removeprefix("n")) - first
        cell[node].append((kept.candidate.label, sources[kept.edge.source], kept.weight))
    return cell


def tables(rows: int, columns: int) -> list[list[list[float]]]:
    """Alphas from N(0, 1), and many with exact ties: of small whole numbers, and all equal."""
    generator = random.Random(0)
    normal = [[[generator.gauss(0, 1) for _ in range(columns)] for _ in range(rows)] for _ in range(200)]
    for choices in ((0.0, 1.0), (0.0, 1.0, 2.0, 3.0)):
        for _ in range(200):
            normal.append([[generator.choice(choices) for _ in range(columns)] for _ in range(rows)])
            # the same multiset in every row makes the rows' weights tie exactly between edges
            shared = [generator.choice(choices) for _ in range(columns)]
            normal.append([generator.sample(shared, columns) for _ in range(rows)])
    return [*normal, [[0.0] * columns for _ in range(rows)]]


@pytest.mark.parametrize("kind", ["normal", "reduction"])
def test_derived_cells(kind: str) -> None:
    cell = checked(spec_text("darts_cnn", SIZE)).cells[kind]
    for alphas in tables(14, len(DARTS)):
        weights = softmax_rows(alphas)
        wanted = rules.keep_strongest(weights, DARTS, inputs=2, nodes=4, keep=2)
        assert picks(derive(cell, weights), 0) == wanted


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.85])
def test_derived_cells_above_a_threshold(threshold: float) -> None:
    cell = checked(spec_text("darts_cnn", SIZE)).cells["normal"]
    generator = random.Random(1)
    sigmoids = [[[generator.random() for _ in DARTS] for _ in range(14)] for _ in range(50)]
    empty = 0
    for weights in [*sigmoids, *(softmax_rows(alphas) for alphas in tables(14, len(DARTS)))]:
        wanted = rules.above_threshold(weights, DARTS, inputs=2, nodes=4, keep=2, threshold=threshold)
        assert picks(derive(cell, weights, floor=threshold), 0) == wanted
        empty += sum(node[0][0] == "none" for node in wanted)
    assert empty


@pytest.mark.parametrize("most", [0, 1, 2])
def test_derived_cells_with_few_skip_connections(most: int) -> None:
    spec = checked(spec_text("darts_cnn", SIZE))
    made = plan(spec, spec.networks["cifar10"], {})
    cell = made.cells()[0]
    taken_out = 0
    for alphas in tables(14, len(DARTS)):
        weights = softmax_rows(alphas)
        wanted = rules.at_most(weights, DARTS, inputs=2, nodes=4, keep=2, skips=most)
        reading, notes = limited(made, cell, Reading(weights), 0.0, most)
        assert picks(derive(cell, reading.weights), 0) == wanted
        taken_out += len(notes) > 1
    assert taken_out


def test_derived_cells_without_keep() -> None:
    cell = checked(spec_text("nasbench201", SIZE)).cells["block"]
    names = ("none", "skip_connect", "nor_conv(1)", "nor_conv(3)", "avg_pool(3)")
    empty = 0
    for alphas in tables(6, len(names)):
        weights = softmax_rows(alphas)
        wanted = rules.remove_none(weights, names, inputs=1, nodes=3)
        assert picks(derive(cell, weights), 1) == wanted
        empty += any(node[0][0] == "none" for node in wanted)
    assert empty


def test_ranking_is_by_softmax() -> None:
    """An edge of large alphas, all alike, is the weakest there is."""
    _, model = sides("1")
    with torch.no_grad():
        for alpha in model.alpha_parameters():
            alpha.zero_()
            alpha[2] += 5.0  # c0 -> n1
            alpha[3, 4] = 0.5  # c1 -> n1
            alpha[4, 3] = 0.4  # n0 -> n1
    session = ImageSession(model, CONFIG, data(8))
    for cell in model.plan.cells():
        weights = softmax_rows(session.alphas()[cell.name])
        assert [pick[:2] for pick in picks(derive(cell, weights), 0)[1]] == [
            ("sep_conv_3x3", 1),
            ("skip_connect", 2),
        ]
        mixing = model.mixing_weights()[cell.name].tolist()
        for row, alphas in zip(mixing, model.alpha(cell.name).tolist(), strict=True):
            assert row == pytest.approx(rules.softmax(alphas), rel=1e-14)


def test_names_are_a_bijection() -> None:
    """Every weight and alpha of the oracle has its own place in dartsl's network."""
    oracle, model = sides("1")
    names = [name for name, _ in oracle.model.named_parameters()]
    ours = {dartsl_name(name) for name in names}
    assert len(ours) == len(names)
    assert ours == {name for name, _ in model.named_parameters()}
