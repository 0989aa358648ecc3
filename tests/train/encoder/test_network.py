"""The network and how posts are brought to it: shapes, batches, learning rates, names of bases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from tests.train.encoder.tiny import a_tiny_base

torch = pytest.importorskip(
    "torch", reason="training needs torch: `make training-tests` runs these tests, before all others"
)

from barometer.train.encoder import network as module  # noqa: E402

HEADS = {"trust": 3, "hostile": 2}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def network(base: Path) -> Any:
    return module.new_network(base, HEADS, dropout=0.1, seed=1)


def tokens(*lengths: int) -> list[list[int]]:
    return [[2, *range(4, 3 + length)] for length in lengths]


def test_every_head_gives_a_score_a_class(network: Any) -> None:
    found = module.logits_of(network, tokens(5, 9, 2), ["trust", "hostile"])
    assert {head: part.shape for head, part in found.items()} == {"trust": (3, 3), "hostile": (3, 2)}
    assert all(np.isfinite(part).all() for part in found.values())


def test_padding_does_not_change_a_posts_scores(network: Any) -> None:
    alone = module.logits_of(network, tokens(4), ["trust"])["trust"]
    beside = module.logits_of(network, tokens(4, 14), ["trust"])["trust"][:1]
    assert np.allclose(alone, beside, atol=2e-2)


def test_reading_is_free_of_chance(network: Any) -> None:
    network.train()
    first, again = (module.logits_of(network, tokens(6, 3), ["hostile"])["hostile"] for _ in range(2))
    assert (first == again).all()


def test_heads_follow_the_seed(base: Path) -> None:
    one, same, other = (module.new_network(base, HEADS, dropout=0.0, seed=seed) for seed in (1, 1, 2))
    weights = [net.heads["trust"].weight.detach() for net in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@given(st.lists(st.integers(1, 90), min_size=1, max_size=80), st.integers(1, 16), st.booleans())
def test_batches_hold_every_post_once(lengths: list[int], size: int, is_shuffled: bool) -> None:
    generator = np.random.default_rng(1) if is_shuffled else None
    batches = module.length_batches(lengths, posts_per_batch=size, generator=generator)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= size


def test_posts_of_a_batch_are_of_like_length() -> None:
    lengths = [5, 60, 6, 61, 7, 62]
    batches = module.length_batches(lengths, posts_per_batch=3)
    assert [sorted(lengths[row] for row in batch) for batch in batches] == [[60, 61, 62], [5, 6, 7]]


def test_padded_tokens_are_masked() -> None:
    ids, mask = module.padded([[5, 6, 7], [8]], padding=9)
    assert ids.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("encoder.embeddings.LayerNorm.weight", 0),
        ("encoder.encoder.layer.0.output.dense.weight", 1),
        ("encoder.encoder.layer.5.output.dense.weight", 6),
        ("encoder.encoder.relative_attention_bias.weight", 7),
        ("heads.trust.weight", 7),
    ],
)
def test_where_a_parameter_stands(name: str, layer: int) -> None:
    assert module.layer_of(name, 6) == layer


def test_lower_layers_change_less_and_word_embeddings_not_at_all(network: Any) -> None:
    groups = module.parameter_groups(network, rate=1e-4, head_rate=1e-3, decay=0.5)
    rates = {id(group["params"][0]): group["lr"] for group in groups}
    named = dict(network.named_parameters())
    assert rates[id(named["heads.trust.weight"])] == 1e-3
    assert rates[id(named["encoder.encoder.layer.0.output.dense.weight"])] == 1e-4
    assert rates[id(named["encoder.embeddings.LayerNorm.weight"])] == 0.5e-4
    assert id(named["encoder.embeddings.word_embeddings.weight"]) not in rates


def test_frozen_layers_get_no_rate(network: Any) -> None:
    groups = module.parameter_groups(network, rate=1e-4, head_rate=1e-3, decay=0.5, frozen_layers=1)
    assert {group["lr"] for group in groups} == {1e-3}


def test_a_folder_is_a_base(base: Path) -> None:
    assert module.base_folder(str(base)) == base


@pytest.mark.parametrize("name", ["no-such-base", "../nowhere", ""])
def test_an_unknown_base_is_refused_and_the_known_are_named(name: str) -> None:
    with pytest.raises(BadConfiguration, match="minilm-l6") as refused:
        module.base_folder(name or "nothing")
    assert "pip install" in str(refused.value)


def test_a_tokenizer_cuts_and_does_not_pad(base: Path) -> None:
    tokenizer = module.read_tokenizer(base, longest_tokens=6)
    encodings = tokenizer.encode_batch(["dog", "dog walk weather dog walk weather dog"])
    assert [len(encoding.ids) for encoding in encodings] == [3, 6]
