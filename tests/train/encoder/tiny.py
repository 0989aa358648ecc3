"""A base of one layer with random weights, its tokenizer, and a data folder with every auxiliary set, all made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from barometer.train.annotated import digest
from barometer.train.encoder.veracity import CLASSES
from tests.train.made import (
    PLACES,
    RUMOUR_WORDS,
    TARGET_WORDS,
    TRUST_WORDS,
    a_data_folder,
    write_lines,
    write_rows,
)

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_LETTERS = "abcdefghij"
# Labels made for training, in the data folder of `a_full_data_folder`.
ANNOTATED_NAME = "annotated.csv"


def words() -> list[str]:
    """The words of made-up posts, and letters for the rest."""
    said = [*TRUST_WORDS.values(), *TARGET_WORDS.values(), *RUMOUR_WORDS.values(), "vermin weather walk dog by the"]
    return [word for text in said for word in text.split()]


def a_tiny_base(folder: Path) -> Path:
    """A BERT of one layer, 32 wide, in the files of a real base; skips without torch."""
    pytest.importorskip(
        "torch", reason="training needs torch: `make training-tests` runs these tests, before all others"
    )
    transformers = pytest.importorskip("transformers", reason="training needs transformers (extra train)")
    tokenizers = pytest.importorskip("tokenizers", reason="training needs tokenizers (extra train)")
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys((*SPECIAL, *words(), *PLACES)))}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    model.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    folder.mkdir(parents=True, exist_ok=True)
    model.save(str(folder / "tokenizer.json"))
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=130,
    )
    transformers.set_seed(1)
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def a_full_data_folder(folder: Path) -> tuple[Path, Path]:
    """`made.a_data_folder` and a few made-up posts of every auxiliary set and every test."""
    data, sample = a_data_folder(folder)
    posts = data / "posts"
    _tweeteval(posts, "hate", 2, parts=("train", "val"))
    for name, classes in (("offensive", 2), ("irony", 2), ("emotion", 4), ("sentiment", 3)):
        _tweeteval(posts, name, classes)
    for target in ("abortion", "atheism", "climate", "feminist", "hillary"):
        _tweeteval(posts, f"stance/{target}", 3)
    _sentiment(posts)
    turns = [{"text": f"turn {_letters(n)} about a jab", "label": str(n % 4)} for n in range(12)]
    write_rows(posts / "viratrust" / "set" / "data" / "train.csv", turns)
    write_rows(posts / "viratrust" / "set" / "data" / "dev.csv", turns[:4])
    tweets = [{"tweet": f"tweet {_letters(n)} of a dog", "class": str(n % 3)} for n in range(12)]
    write_rows(posts / "davidson_hate" / "data" / "labeled_data.csv", tweets)
    claims = [{"tweet": f"claim {_letters(n)} of a cure", "label": ("real", "fake")[n % 2]} for n in range(12)]
    write_rows(posts / "constraint2021_covid_fake" / "data" / "Constraint_Train.csv", claims)
    for part in ("train", "test"):
        _rumour_stance(posts / "rumoureval2017", part)
    _pheme(posts / "pheme_rumour_sources" / "seeds")
    _annotated(data / ANNOTATED_NAME)
    return data, sample


def _pheme(folder: Path) -> None:
    """Two events of six rumours each; what is false says so."""
    folder.mkdir(parents=True, exist_ok=True)
    for event in ("flood", "fire"):
        tweets = [
            {"text": f"the {event} is {CLASSES[n % 3]} {_letters(n)}", "VERACITY": CLASSES[n % 3]} for n in range(6)
        ]
        (folder / f"{event}-all-rnr-threads.rumours.json").write_text(json.dumps(tweets), encoding="utf-8")


def _annotated(path: Path) -> None:
    """Labels of two tweets of the hate set, and of one that no set holds."""
    texts = [f"train hate line {_letters(n)} {('dog', 'walk')[n % 2]}" for n in range(2)]
    labels = {"trust": "distrust", "target": "media", "rumour": "none", "hostile": "no"}
    write_rows(path, [{"digest": digest(text), **labels} for text in (*texts, "not there")])


def _letters(number: int) -> str:
    return "".join(_LETTERS[int(digit)] for digit in str(number))


def _tweeteval(posts: Path, name: str, classes: int, parts: tuple[str, ...] = ("train", "val", "test")) -> None:
    folder = posts / "tweeteval" / "datasets" / name
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        lines = [
            f"{part} {name} line {_letters(n)} {('dog', 'walk', 'weather', 'bank')[n % classes]}" for n in range(12)
        ]
        (folder / f"{part}_text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        labels = [str(n % classes) for n in range(12)]
        (folder / f"{part}_labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")


def _sentiment(posts: Path) -> None:
    folder = posts / "semeval_sentiment" / "dataset" / "Subtask_A" / "downloaded"
    folder.mkdir(parents=True, exist_ok=True)
    for year in (2013, 2015, 2016):
        values = ("negative", "neutral", "positive")
        lines = [f"{n}\t{values[n % 3]}\tI\\u2019ve seen {_letters(n)} in {_letters(year)}" for n in range(9)]
        (folder / f"twitter-{year}train-A.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rumour_stance(folder: Path, part: str) -> None:
    kinds = ("support", "deny", "query", "comment")
    ids = {str(100 + n): kinds[n % 4] for n in range(12)}
    lines = [
        {
            "split": part,
            "event": "flood",
            "thread": "100",
            "data": {"id_str": key, "text": f"{part} reply {_letters(n)}"},
        }
        for n, key in enumerate(ids)
    ]
    write_lines(folder / f"{part}.jsonl", lines)
    (folder / f"{part}-annotations").mkdir(parents=True, exist_ok=True)
    (folder / f"{part}-annotations" / "subtaskA.json").write_text(json.dumps(ids), encoding="utf-8")
