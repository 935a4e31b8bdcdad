"""Methods: what each stands for, over the defaults and below all that is written."""

from __future__ import annotations

import dataclasses
import re

import pytest

from dartsl.api.jobs import search_config as settled
from dartsl.api.presets import search_block
from dartsl.lang.check.together import broken
from dartsl.lang.checker import check, diagnose
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.records.inputs import Images, Tokens
from dartsl.lang.settings.presets import PRESETS, Preset, Share, notes
from dartsl.lang.settings.schedules import Schedule
from dartsl.lang.settings.values import SearchConfig, search_config
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file
from tests.lang.test_together import IMAGES, TEXT, codes

OF_IMAGES = {"oles", "p_darts"}  # the methods with a part that networks of text do not have
WORDS = TEXT.join(IMAGES.split("cell normal")[:1]) + TEXT
METHODS = pytest.mark.parametrize("name", PRESETS)


@METHODS
def test_a_block_means_what_the_method_does(name: str) -> None:
    block = search_block(name) + "\n"
    images = IMAGES.replace("small(C = 4)", "small(C = 4, n = 1)").replace("normal width", "normal*n width")
    spec = check(Source("spec.darts", images + block))
    pasted = settled(spec, {})
    named = settled(check(Source("spec.darts", images + f'search {{ method = "{name}" }}')), {})
    assert dataclasses.replace(pasted, method=name) == named == settled(spec, {"method": name})
    assert print_file(parse(Source("block.darts", "darts 1\n\n" + block))) == "darts 1\n\n" + block


@METHODS
@pytest.mark.parametrize("epochs", [1, 2, 9, 50, 600])
def test_a_method_goes_together_in_runs_of_any_length(name: str, epochs: int) -> None:
    for takes in (Images, *([] if name in OF_IMAGES else [Tokens])):
        config = search_config(takes, {"method": name}, {"epochs": epochs})
        if epochs < len(config.stages):
            assert [rule.settings for rule in broken(config)] == [("epochs", "stages")]
            continue
        assert list(broken(config)) == []
        assert (config.method, config.epochs) == (name, epochs)


@METHODS
def test_it_stands_for_settings_that_are_not_the_defaults(name: str) -> None:
    config = search_config(Images, {"method": name})
    changed = {each.name for each in dataclasses.fields(config) if getattr(config, each.name) != each.default}
    stands = set(PRESETS[name].settings("images"))
    assert changed - {"method"} <= stands
    assert (changed == set()) == (name == "darts")
    assert re.search("arXiv |OpenReview ", PRESETS[name].source)


def test_settings_of_some_papers() -> None:
    fair = search_config(Images, {"method": "fair_darts"})
    assert (fair.relaxation, fair.alphas_start, fair.penalty, fair.zero_one_weight) == (
        *("sigmoid", "zero", ("zero_one",), 10.0),
    )
    assert (fair.derive, fair.threshold, fair.batch, fair.lr, fair.lr_min) == (
        "threshold",
        0.85,
        128,
        0.005,
        1e-3,
    )
    assert (fair.alphas_lr, fair.alphas_betas) == (3e-3, (0.9, 0.999))
    drnas = search_config(Images, {"method": "drnas"})
    assert (drnas.relaxation, drnas.lr, drnas.lr_min, drnas.alphas_lr) == ("dirichlet", 0.1, 0.0, 6e-4)
    smooth = search_config(Images, {"method": "sdarts_rs"})
    assert (smooth.perturb, smooth.epsilon) == ("random", Schedule(0.03, 0.3, "toward"))
    assert search_config(Images, {"method": "darts"}) == SearchConfig()


def test_stages_of_p_darts() -> None:
    """25 epochs each, of which alphas rest in 10; as large parts of other runs, and an epoch in which alphas learn."""
    config = search_config(Images, {"method": "p_darts"})
    assert (config.epochs, config.stages.ends(config.epochs), config.warmup) == (75, [25, 50, 75], 10)
    assert [(each.keep, each.skip_dropout) for each in config.stages] == [(0, None), (5, 0.4), (3, 0.7)]
    assert (config.skip_dropout, config.batch, config.alphas_lr, config.lr_min) == (0.1, 96, 6e-4, 0.0)
    assert (config.alphas_clip, config.skip_limit, config.stages_start) == (5.0, 2, "fresh")
    warmups = {
        epochs: search_config(Images, {"method": "p_darts", "epochs": epochs}).warmup
        for epochs in (3, 5, 9, 30)
    }
    assert warmups == {3: 0, 5: 0, 9: 1, 30: 4}


def test_an_option_goes_before_the_spec_and_that_before_the_method() -> None:
    given = 'search { method = "fair_darts" lr = 0.5 threshold = 0.7 }'
    spec = check(Source("spec.darts", IMAGES + given))
    config = settled(spec, {"threshold": 0.6})
    assert (config.threshold, config.lr, config.batch, config.momentum) == (0.6, 0.5, 128, 0.9)
    other = settled(spec, {"method": "drnas"})  # in the place of the spec's, beside what the spec writes
    assert (other.method, other.relaxation, other.batch, other.lr, other.threshold) == (
        *("drnas", "dirichlet", 64, 0.5, 0.7),
    )


@pytest.mark.parametrize(
    ("epochs", "warmup"), [(50, 15), (9, 3), (100, 30), (5, 2), (3, 1), (2, 1), (1, 0), (600, 180)]
)
def test_a_length_is_as_large_a_part_of_the_run(epochs: int, warmup: int) -> None:
    """15 of 50: 2.7 of 9, 1.5 of 5, 0.9 of 3, 0.6 of 2, 0.3 of 1."""
    assert Share(15, 50).of(epochs) == warmup


def test_a_length_leaves_an_epoch_over_and_goes_after_one_that_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [Share(9, 10).of(epochs) for epochs in (1, 2, 10)] == [0, 1, 9]
    monkeypatch.setitem(PRESETS, "drnas", Preset("", "", {"warmup": Share(15, 50)}))  # type: ignore[arg-type]
    assert search_config(Images, {"method": "drnas"}).warmup == 15
    assert search_config(Images, {"method": "drnas", "epochs": 9}).warmup == 3
    assert search_config(Images, {"method": "drnas", "epochs": 9, "warmup": 1}).warmup == 1
    assert search_config(Images, {"method": "drnas", "warmup": 8}, {"epochs": 9}).warmup == 8


def test_networks_of_text_keep_their_training() -> None:
    config = search_config(Tokens, {"method": "fair_darts"})
    plain = search_config(Tokens)
    assert (config.lr, config.batch, config.alphas_betas) == (plain.lr, plain.batch, plain.alphas_betas)
    assert (config.relaxation, config.penalty, config.derive) == ("sigmoid", ("zero_one",), "threshold")
    said = (
        "of the method `fair_darts`, `batch`, `lr`, `alphas_lr`, `alphas_betas` are for images, and left out"
    )
    assert notes("fair_darts", "text") == [said]
    assert notes("fair_darts", "images") == notes("darts", "text") == []


def test_a_method_of_images_is_refused_for_text(monkeypatch: pytest.MonkeyPatch) -> None:
    of_images = dataclasses.replace(PRESETS["darts_minus"], parts={"cutout": 3})
    monkeypatch.setitem(PRESETS, "darts_minus", of_images)  # type: ignore[misc]
    with pytest.raises(
        UserError, match="the method `darts_minus` is for networks of images, and this one is of t"
    ) as f:
        search_config(Tokens, {"method": "darts_minus"})
    assert f.value.exit_code == 2
    given = 'search { method = "darts_minus" }'
    (fault,) = diagnose(Source("spec.darts", WORDS + given)).errors
    assert (fault.code, fault.primary.span.text) == ("E0612", 'method = "darts_minus"')
    assert codes(IMAGES + TEXT + given) == []


def test_a_mistake_beside_a_method_says_what_it_stands_for() -> None:
    (fault,) = diagnose(
        Source("spec.darts", IMAGES + 'search { method = "fair_darts" perturb = "random" }')
    ).errors
    assert (fault.code, fault.primary.span.text) == ("E0612", 'perturb = "random"')
    assert [label.text for label in fault.secondary] == ['it stands for relaxation = "sigmoid"']


def test_the_method_decides_whether_skip_connections_must_fit() -> None:
    wide = IMAGES.replace("node   n : sum keep 1", "node   w : concat\n  node   n : sum keep 1").replace(
        "edge   all -> n : skip_connect | sep_conv(3)",
        "edge   a, b -> w : sep_conv(3)\n  edge   w, a -> n : sep_conv(3) | sep_conv(5)",
    )
    assert codes(wide) == []
    assert codes(wide + 'search { method = "darts_minus" }') == ["E0611"]
    assert codes(wide + 'search { method = "darts_minus" auxiliary_skip = false }') == []


def test_an_unknown_method_is_said_with_what_is_near() -> None:
    (fault,) = diagnose(Source("spec.darts", IMAGES + 'search { method = "fair-darts" }')).errors
    assert (fault.code, fault.help) == ("E0603", "did you mean `fair_darts`?")
    with pytest.raises(UserError, match="`fare` is not a value for the setting `method`"):
        settled(check(Source("spec.darts", IMAGES)), {"method": "fare"})
