"""The encoder at run time: what it reads, how scores become labels, and that no text and no damage crashes a night."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.decide import LABEL_COLUMNS, PROBABILITY_COLUMNS
from barometer.classify.encoder import KIND, NETWORK, EncoderModel, StandIns, by_head
from barometer.classify.linear import FITTED_CLASSES
from barometer.classify.manifest import read_manifest, write_manifest
from barometer.classify.model import load_model, predict_once
from barometer.errors import BadInput
from barometer.settings import PROJECT
from barometer.tables import LABEL_HEADS
from tests.classify.few_scores import an_encoder

SHIPPED = PROJECT / "models" / "encoder"
NASTY = {
    "empty": "",
    "spaces": " \t\n ",
    "a hundred kilobytes": "the council lies " * 6_000,
    "one endless word": "x" * 100_000,
    "emoji only": "😀😀🎉👩‍👩‍👧‍👦🇸🇪",
    "right to left": "مرحبا بالعالم שלום עולם",
    "control characters": "\x00\x01\x07\x1b[31m\u202e\ufeff\u200b",
    "half a surrogate pair, escaped": "\\ud83d bins",
    "accents piled up": "z" + "\u0301" * 500,
    "entities": "&lt;&amp;&#0;&nbsp;" * 50,
    "another language": "Miasto nie odśnieża chodników, nikt nam nie pomaga",
    "no words": "?!?! ... --- ///",
    "special tokens of the tokenizer": "[CLS] [SEP] [PAD] [MASK] [UNK]",
}


@pytest.fixture(scope="module")
def shipped() -> EncoderModel:
    pytest.importorskip("onnxruntime", reason="the encoder is read with onnxruntime (extra run)")
    pytest.importorskip("tokenizers", reason="the encoder is read with tokenizers (extra run)")
    if not (SHIPPED / NETWORK).is_file():
        pytest.skip("models/encoder is not there: train it with `barometer train encoder`")
    model = load_model("encoder", SHIPPED.parent)
    assert isinstance(model, EncoderModel)
    return model


@pytest.mark.parametrize(
    ("text", "head", "label"),
    [
        ("reliable", "trust", "trust"),
        ("liars", "trust", "distrust"),
        ("a walk", "trust", "none"),
        ("liars council", "target", "local_government"),
        ("liars police", "target", "police_justice"),
        ("a walk", "target", "none"),
        ("apparently", "rumour", "rumour"),
        ("vermin", "hostile", "yes"),
        ("a walk", "hostile", "no"),
    ],
)
def test_the_likeliest_class_is_the_label(text: str, head: str, label: str) -> None:
    model, _, _ = an_encoder()
    assert model.predict([text])[head].to_list() == [label]


def test_a_row_a_text_in_order_with_labels_and_all_probabilities() -> None:
    model, _, _ = an_encoder()
    found = model.predict(["liars", "reliable", "liars"])
    assert found.columns == [*LABEL_COLUMNS, *PROBABILITY_COLUMNS]
    assert found["trust"].to_list() == ["distrust", "trust", "distrust"]


def test_no_texts_give_an_empty_frame_with_the_same_columns() -> None:
    model, _, session = an_encoder()
    found = model.predict([])
    assert found.height == 0
    assert found.columns == [*LABEL_COLUMNS, *PROBABILITY_COLUMNS]
    assert session.posts_per_call == []


def test_every_post_is_read_by_itself_so_that_its_label_depends_on_no_other() -> None:
    model, _, session = an_encoder()
    model.predict(["liars", "reliable police", "apparently vermin plain plain"])
    assert session.posts_per_call == [1, 1, 1]


def test_texts_are_read_as_they_are_learnt_from() -> None:
    model, tokenizer, _ = an_encoder()
    model.predict(["LIARS @somebody https://a.b/c 12345"])
    assert tokenizer.seen == ["liars @user http 0"]


def test_one_word_is_read_for_all_of_a_family() -> None:
    model, tokenizer, _ = an_encoder(stand_ins={"sikhs": "muslims", "jews": "muslims"})
    model.predict(["the Sikhs here", "the jews here", "the muslims here", "sikhsandothers"])
    assert tokenizer.seen == ["the muslims here"] * 3 + ["sikhsandothers"]


@given(st.sampled_from(["polish", "irish", "german"]), st.sampled_from(["polish", "irish", "german"]))
def test_swapping_listed_words_never_changes_what_is_read(one: str, other: str) -> None:
    stand_in = StandIns({"polish": "irish", "german": "irish", "irish": "irish"})
    assert stand_in(f"my {one} dentist, {one} bread") == stand_in(f"my {other} dentist, {other} bread")


def test_the_longest_listed_name_wins_where_one_holds_another() -> None:
    assert StandIns({"holme": "a", "holme wood": "b"})("in holme wood and holme") == "in b and a"


def test_without_stand_ins_a_text_stays_as_it_is() -> None:
    assert StandIns({})("the sikhs of idle") == "the sikhs of idle"


def test_probabilities_are_calibrated_but_offsets_decide() -> None:
    hesitant = {head: {"temperature": 100.0, "shift": [0.0] * len(c)} for head, c in FITTED_CLASSES.items()}
    towards_trust = {head: [0.0] * len(classes) for head, classes in LABEL_HEADS.items()} | {"trust": [5.0, 0.0, 0.0]}
    model, _, _ = an_encoder(calibration=hesitant, offsets=towards_trust)
    found = model.predict(["liars"])
    assert found["trust"].to_list() == ["trust"]
    assert found["trust_distrust"][0] > found["trust_trust"][0]
    assert found["trust_distrust"][0] < 0.4


@given(st.lists(st.sampled_from(["liars", "reliable", "plain", "vermin", "apparently", "council"]), max_size=6))
def test_probabilities_of_a_head_add_up_to_one_and_target_follows_trust(words: list[str]) -> None:
    model, _, _ = an_encoder()
    found = model.predict([" ".join(words)])
    for head, classes in LABEL_HEADS.items():
        assert sum(found[f"{head}_{value}"][0] for value in classes) == pytest.approx(1.0)
    assert (found["trust"][0] == "none") == (found["target"][0] == "none")
    assert found["target_none"][0] == pytest.approx(found["trust_none"][0])


def test_scores_are_cut_into_heads_in_the_order_of_the_classes() -> None:
    heads = by_head(np.arange(16.0).reshape(1, 16))
    assert [part.tolist() for part in heads.values()] == [
        [[0.0, 1.0, 2.0]],
        [[3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]],
        [[11.0, 12.0, 13.0]],
        [[14.0, 15.0]],
    ]


def test_it_says_which_languages_it_serves() -> None:
    model, _, _ = an_encoder(languages=["en", "sv"])
    assert model.languages == ("en", "sv")


def test_it_knows_its_name_version_and_classes() -> None:
    model, _, _ = an_encoder()
    assert (model.name, model.version, model.heads) == ("few-scores", "v1", LABEL_HEADS)


# From here on: the network that is shipped.


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_no_text_crashes_it_and_every_text_gets_labels(shipped: EncoderModel, text: str) -> None:
    found = shipped.predict([text])
    assert found.height == 1
    for head, classes in LABEL_HEADS.items():
        assert found[head][0] in classes
        values = found.select(f"{head}_{value}" for value in classes).to_numpy()[0]
        assert np.isfinite(values).all()
        assert values.sum() == pytest.approx(1.0, abs=1e-6)


def test_a_text_gets_the_same_row_whatever_stands_beside_it(shipped: EncoderModel) -> None:
    texts = ["The council hides the truth about the bins", "lovely walk in the park today", *NASTY.values()]
    together = shipped.predict(texts)
    alone = pl.concat([shipped.predict([text]) for text in texts])
    assert together.equals(alone)


def test_reading_twice_gives_the_same_rows(shipped: EncoderModel) -> None:
    texts = [f"they say the school number {n} will close" for n in range(20)]
    assert shipped.predict(texts).equals(shipped.predict(texts[::-1])[::-1])


def test_copies_are_read_once(shipped: EncoderModel) -> None:
    texts = pl.Series(["so proud of our nurses", "bins again", "so proud of our nurses"])
    found = predict_once(shipped, texts)
    assert found[0].equals(found[2])
    assert found.height == 3


@pytest.mark.parametrize(
    ("text", "head", "label"),
    [
        ("The council lied to us about the bins and nobody should believe a word they say", "trust", "distrust"),
        ("So grateful to the nurses on the ward, they looked after my mum with such care", "trust", "trust"),
        ("Football was on the telly and it rained all afternoon", "trust", "none"),
        ("Don't trust the police, they cover up for each other every time", "target", "police_justice"),
        ("The vaccine was rushed and the doctors are hiding the side effects from us", "target", "health"),
    ],
)
def test_it_understands_plain_cases(shipped: EncoderModel, text: str, head: str, label: str) -> None:
    assert shipped.predict([text])[head].to_list() == [label]


@pytest.mark.parametrize(
    ("one", "other"), [("Sikhs", "Catholics"), ("Manningham", "Queensbury"), ("Polish", "Pakistani")]
)
def test_no_label_or_probability_moves_with_a_listed_name(shipped: EncoderModel, one: str, other: str) -> None:
    found = shipped.predict([f"the {name} around here can not be trusted, apparently" for name in (one, other)])
    assert found[0].equals(found[1])


def test_the_shipped_files_are_few_and_small(shipped: EncoderModel) -> None:
    manifest = read_manifest("encoder", SHIPPED.parent)
    assert manifest.kind == KIND
    assert sum((SHIPPED / file).stat().st_size for file in manifest.files) <= 25_000_000
    assert not [path for path in SHIPPED.iterdir() if path.suffix in {".pt", ".pkl", ".bin", ".py"}]


def _copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "models" / "encoder"))


def test_a_changed_byte_is_refused_with_the_file_named(shipped: EncoderModel, tmp_path: Path) -> None:
    folder = _copied(tmp_path)
    damaged = bytearray((folder / NETWORK).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / NETWORK).write_bytes(damaged)
    with pytest.raises(BadInput, match=r"model\.onnx"):
        load_model("encoder", folder.parent)


def _described_anew(folder: Path, **changes: Any) -> None:
    manifest = read_manifest(folder.name, folder.parent)
    settings = json.loads(json.dumps(manifest.settings)) | changes
    write_manifest(folder, name=folder.name, kind=KIND, files=tuple(manifest.files), settings=settings)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("calibration", {head: {"temperature": 1.0, "shift": [0.0]} for head in FITTED_CLASSES}),
        ("offsets", {"trust": [0.0]}),
        ("longest_tokens", "many"),
        ("stand_ins", None),
    ],
)
def test_settings_that_do_not_fit_the_network_are_refused(
    shipped: EncoderModel, tmp_path: Path, field: str, value: Any
) -> None:
    folder = _copied(tmp_path)
    _described_anew(folder, **{field: value})
    with pytest.raises(BadInput, match="train it again"):
        load_model("encoder", folder.parent)


def test_a_network_that_is_none_is_refused(shipped: EncoderModel, tmp_path: Path) -> None:
    folder = _copied(tmp_path)
    manifest = read_manifest("encoder", folder.parent)
    (folder / NETWORK).write_bytes(b"not a network")
    write_manifest(folder, name="encoder", kind=KIND, files=tuple(manifest.files), settings=dict(manifest.settings))
    with pytest.raises(BadInput, match="cannot be read"):
        load_model("encoder", folder.parent)
