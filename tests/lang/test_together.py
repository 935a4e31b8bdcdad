"""Settings of a search that do not go together: in a spec, and once options are known."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from dartsl.api.jobs import search_config, train_config
from dartsl.lang.check.rules import RULES
from dartsl.lang.check.together import broken
from dartsl.lang.checker import check, diagnose
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.records.inputs import INPUTS
from dartsl.lang.settings.values import SearchConfig
from dartsl.lang.settings.values import search_config as complete

IMAGES = """darts 1
import "std/cnn"
import "std/rnn"
cell normal {
  input  a, b : preprocess
  node   n : sum keep 1
  edge   all -> n : skip_connect | sep_conv(3)
  output n
}
network small(C = 4) {
  input image(3, 8, 8)
  stem  conv(3) > bn
  stage normal width C
  head  global_avg_pool > linear(10)
}
"""
TEXT = """
cell recurrent = dag_rnn(activations)
network words(H = 4, vocab = 10) {
  input tokens(5)
  stem  embedding(vocab, out = H)
  stage scan(recurrent, carry = "h") width H
  head  linear(vocab)
}
"""


def codes(text: str) -> list[str]:
    return [fault.code for fault in diagnose(Source("spec.darts", text)).errors]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: "-".join(rule.settings))
def test_rules_name_settings(rule: Any) -> None:
    known = {field.name for field in dataclasses.fields(SearchConfig)}
    assert known.issuperset(rule.settings)
    assert rule.why.format_map(vars(SearchConfig()))
    assert rule.help.format_map(vars(SearchConfig()))


@pytest.mark.parametrize("takes", INPUTS.values())
def test_the_defaults_go_together(takes: Any) -> None:
    assert list(broken(complete(takes))) == []


def test_an_option_is_judged_with_the_settings_of_the_spec() -> None:
    spec = check(Source("spec.darts", IMAGES + 'search { relaxation = "sigmoid" }'))
    assert search_config(spec, {}).relaxation == "sigmoid"
    with pytest.raises(
        UserError, match="perturb = random does not go with the relaxation `sigmoid`"
    ) as caught:
        search_config(spec, {"perturb": "random"})
    assert (caught.value.exit_code, caught.value.help) == (2, "leave one of them out")
    assert search_config(spec, {"perturb": "random", "relaxation": "softmax"}).perturb == "random"


def test_settings_are_judged_over_the_defaults_of_every_kind_of_network() -> None:
    assert codes(IMAGES + "search { warmup = 50 }") == ["E0612"]
    assert codes(IMAGES + "search { warmup = 50 epochs = 51 }") == []
    assert codes(IMAGES + TEXT + "search { warmup = 50 crop = 2 tar = 0.1 }") == ["E0612"]
    assert codes(TEXT.join(IMAGES.split("cell normal")[:1]) + TEXT + "search { warmup = 50 }") == ["E0612"]


def test_nothing_is_said_while_another_mistake_hides_what_is_meant() -> None:
    assert codes(IMAGES + "search { warmup = 50 epochs = many }")[0] != "E0612"
    assert "E0612" not in codes(IMAGES + 'search { warmup = 50 epochs = "60" }')


OF_NUMBERS = """darts 2
cell normal {
  input  x
  node   n : sum
  edge   x -> n : identity | linear
  output n
}
network small(D = 4) {
  input vector(3)
  stem  linear
  stage normal width D
  head  linear(1)
}
"""


@pytest.mark.parametrize("block", ["search", "train"])
def test_a_loss_in_one_block_counts_for_both(block: str) -> None:
    spec = check(Source("spec.darts", f'{OF_NUMBERS}{block} {{ loss = "mse" }}'))
    assert (spec.search["loss"], spec.train["loss"]) == ("mse", "mse")
    assert search_config(spec, {}).loss == "mse"
    assert train_config(spec, {}).loss == "mse"


def test_two_losses_are_refused_at_the_second() -> None:
    text = f'{OF_NUMBERS}search {{ loss = "mse" }}\ntrain {{ loss = "cross_entropy" }}'
    (fault,) = diagnose(Source("spec.darts", text)).errors
    assert (fault.code, fault.primary.span.start) == ("E0612", text.index('loss = "cross'))
    assert fault.secondary[0].span.start == text.index('loss = "mse')


@pytest.mark.parametrize("setting", ["label_smoothing = 0.1", 'class_weights = "balanced"'])
def test_what_is_about_classes_does_not_go_with_numbers(setting: str) -> None:
    """Also where the loss stands in the other block."""
    name = setting.split(" ")[0]
    text = f'{OF_NUMBERS}search {{ loss = "mse" }}\ntrain {{ {setting} }}'
    (fault,) = diagnose(Source("spec.darts", text)).errors
    assert (fault.code, fault.primary.span.start) == ("E0612", text.index(setting))
    assert fault.title == f"{name} is about classes, and `loss = mse` has none"
    spec = check(Source("spec.darts", f'{OF_NUMBERS}search {{ loss = "mse" }}'))
    value = 0.1 if name == "label_smoothing" else "balanced"
    with pytest.raises(UserError, match=f"{name} is about classes"):
        train_config(spec, {name: value})


def test_darts_1_has_no_setting_loss() -> None:
    assert codes(IMAGES + '\nsearch { loss = "mse" }') == ["E0602"]
    with pytest.raises(UserError, match="known from `darts 2` on"):
        search_config(check(Source("spec.darts", IMAGES)), {"loss": "mse"})


@pytest.mark.parametrize("name", ["criterion", "objective", "loss_function"])
def test_a_loss_by_another_name(name: str) -> None:
    block = f'\ntrain {{ {name} = "mse" }}'
    (old,), (new,) = (diagnose(Source("x", text + block)).errors for text in (IMAGES, OF_NUMBERS))
    assert (
        old.help
        == "leave it out: the loss is the cross-entropy; `loss` needs `darts 2` at the top of the file"
    )
    assert new.help == "did you mean `loss`?"


def test_a_loss_that_is_asked_for_is_the_specs() -> None:
    spec = check(Source("spec.darts", f'{OF_NUMBERS}train {{ loss = "mse" }}'))
    assert search_config(spec, {"loss": "mse"}).loss == "mse"
    with pytest.raises(UserError, match="says `loss = mse`, and `cross_entropy` is asked for"):
        search_config(spec, {"loss": "cross_entropy"})


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("tar = 1", "the setting `tar` is for networks of text, and this one is of images"),
        (
            'target_column = "x"',
            "the setting `target_column` is for networks of vectors, and this one is of images",
        ),
    ],
)
def test_a_setting_that_no_network_has_is_refused_by_a_check(setting: str, said: str) -> None:
    """As by a search; in darts 1 by that alone, as ever, and never where one of the networks has it."""
    block = f"\nsearch {{ {setting} }}\n"
    assert codes(IMAGES + block) == []
    later = IMAGES.replace("darts 1", "darts 2")
    (fault,) = diagnose(Source("spec.darts", later + block)).errors
    assert (fault.code, fault.title, fault.primary.span.text) == ("E0612", said, setting)
    with pytest.raises(UserError, match=said):
        complete(INPUTS["image"], check(Source("spec.darts", IMAGES + block)).search)
    if setting.startswith("tar "):
        assert codes(later + TEXT + block) == []


def test_a_loss_that_no_network_knows_is_refused_by_a_check(tmp_path: Path) -> None:
    """Those of an imported file of darts 1."""
    (tmp_path / "old.darts").write_text(IMAGES)
    text = 'darts 2\nimport "./old"\nsearch { loss = "mse" }\ntrain { loss = "mse" }\n'
    (fault,) = diagnose(Source("new.darts", text, tmp_path / "new.darts")).errors
    said = "`loss = mse` is known from `darts 2` on, and old.darts is written in darts 1"
    assert (fault.code, fault.title, fault.primary.span.text) == ("E0612", said, 'loss = "mse"')
    own = OF_NUMBERS.replace("darts 2\n", "").replace("normal", "other").replace("small", "numbers")
    both = Source("new.darts", text + own, tmp_path / "new.darts")
    assert diagnose(both).errors == ()
