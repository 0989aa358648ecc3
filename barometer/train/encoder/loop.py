"""The training loop: masked losses, class weights, early stopping, and a checkpoint that survives a kill."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from barometer.classify.decide import Floats
from barometer.classify.encoder import StandIns
from barometer.classify.linear import FITTED_CLASSES
from barometer.train.encoder.examples import ALL_CLASSES, UNLABELLED, Examples, class_weights, joined
from barometer.train.encoder.mentions import stand_ins, with_swaps
from barometer.train.encoder.network import (
    Network,
    length_batches,
    logits_of,
    new_network,
    padded,
    parameter_groups,
    read_tokenizer,
    reading,
)
from barometer.train.encoder.recipe import Recipe

CHECKPOINT = "checkpoint.pt"
_AUXILIARY_WEIGHT = 0.5
_MAXIMUM_GRADIENT = 1.0
_STEPS_BETWEEN_LINES = 10
_HASH_LETTERS = 16
_FILES_OF_A_BASE = frozenset({".json", ".safetensors", ".bin"})

Score = Callable[[dict[str, Floats]], float]


@dataclass(frozen=True)
class Material:
    """What a run learns from, and the posts its early stopping looks at. Any part but `main` may be empty."""

    main: Examples
    auxiliary: Examples
    taught: Examples
    mentions: Examples
    validation: Examples


@dataclass
class Progress:
    """How far a run is: epochs done, scores on validation posts, and the best weights so far."""

    epochs: int = 0
    scores: list[float] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)

    def is_finished(self, recipe: Recipe) -> bool:
        """All epochs are done, or the last ones brought nothing (never before the labelled phase has begun)."""
        last_best = int(np.argmax(self.scores)) + 1 if self.scores else 0
        is_stale = self.epochs - max(last_best, recipe.broad_epochs) >= recipe.patience
        return self.epochs >= recipe.epochs or is_stale


def train(
    base: Path,
    material: Material,
    recipe: Recipe,
    score: Score | None,
    *,
    seed: int,
    folder: Path,
    say: Callable[[str], None],
    start: Path | None = None,
) -> Network:
    """The network with the best validation score; goes on from `folder`'s checkpoint if a run was killed.

    `score` turns validation logits (head -> n x classes) into one number, higher is better; without it all epochs are
    run and the last weights kept. `say` is told the progress. `start`: checkpoint of another run of the same base whose
    best weights a fresh run begins with.
    """
    folder.mkdir(parents=True, exist_ok=True)
    heads = {head: len(classes) for head, classes in ALL_CLASSES.items()}
    network: Network = new_network(base, heads, dropout=recipe.dropout, seed=seed).to(_device())
    if start is not None:
        network.load_state_dict(torch.load(start, weights_only=True)["best"])
    tokenizer = read_tokenizer(base, longest_tokens=recipe.longest_tokens)
    run = _Run(network, tokenizer, material, recipe, origin=origin_of(base, start), seed=seed, say=say)
    progress = run.resumed(folder / CHECKPOINT)
    while not progress.is_finished(recipe):
        run.epoch(progress.epochs)
        progress.epochs += 1
        # Without validation posts every epoch counts as better than the one before.
        progress.scores.append(float(progress.epochs) if score is None else score(run.validation_logits()))
        say(f"epoch {progress.epochs}/{recipe.epochs}: validation {progress.scores[-1]:.4f}")
        if progress.scores[-1] >= max(progress.scores):
            progress.best = {name: value.detach().clone() for name, value in network.state_dict().items()}
        run.save(folder / CHECKPOINT, progress)
    network.load_state_dict(progress.best)
    return network


def _device() -> Any:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class _Run:
    """One network being trained; everything of an epoch follows from the seed and the epoch's number."""

    def __init__(
        self,
        network: Network,
        tokenizer: Any,
        material: Material,
        recipe: Recipe,
        *,
        origin: str,
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        self.origin = origin
        self.network, self.material, self.recipe, self.seed, self.say = network, material, recipe, seed, say
        self.tokenizer, self.stand_in = tokenizer, StandIns(stand_ins() if recipe.has_stand_ins else {})
        self.padding = int(network.encoder.config.pad_token_id or 0)
        self.optimiser = torch.optim.AdamW(
            parameter_groups(
                network,
                rate=recipe.learning_rate,
                head_rate=recipe.head_rate,
                decay=recipe.layer_decay,
                frozen_layers=recipe.frozen_layers,
            ),
            weight_decay=recipe.weight_decay,
        )
        self.rates = [float(group["lr"]) for group in self.optimiser.param_groups]
        self.steps_done = 0
        weighted = joined([material.main, material.auxiliary])
        self.weights = {
            head: torch.from_numpy(class_weights(weighted.labels[head], len(classes), balance=recipe.balance))
            for head, classes in ALL_CLASSES.items()
        }

    def _rate(self, step: int) -> float:
        """Up in a straight line, then down to zero in one, over all steps of the run."""
        steps = self._steps(self.recipe.epochs)
        warm = max(1.0, recipe_share(steps, self.recipe.warm_up))
        return min(step / warm, max(0.0, (steps - step) / max(1.0, steps - warm)))

    def _steps(self, epochs: int) -> int:
        """Updates of the first `epochs` epochs."""
        size = self.recipe.posts_per_batch
        return sum(-(-sum(self._wanted(number)) // size) for number in range(epochs))

    def _wanted(self, number: int) -> tuple[int, int, int, int]:
        """How many labelled, written, auxiliary and taught posts epoch `number` learns from."""
        is_broad, material, recipe = number < self.recipe.broad_epochs, self.material, self.recipe
        return (
            len(material.main),
            min(recipe.mention_posts, len(material.mentions)),
            min(recipe.auxiliary_posts, len(material.auxiliary)) * is_broad,
            min(recipe.taught_posts, len(material.taught)) * is_broad,
        )

    def _of_epoch(self, number: int, generator: np.random.Generator) -> Examples:
        material, wanted = self.material, self._wanted(number)
        parts = (material.main, material.mentions, material.auxiliary, material.taught)
        drawn = (part.taken(generator.permutation(len(part))[:most]) for part, most in zip(parts, wanted, strict=True))
        examples = joined(list(drawn))
        return examples.reworded(with_swaps(examples.texts, share=self.recipe.swapped_share, generator=generator))

    def epoch(self, number: int) -> None:
        """One pass over the epoch's posts."""
        generator = np.random.default_rng([self.seed, number])
        torch.manual_seed(self.seed * 1_000 + number)
        examples = self._of_epoch(number, generator)
        tokens = self.tokens(examples)
        batches = length_batches(
            [len(post) for post in tokens], posts_per_batch=self.recipe.posts_per_batch, generator=generator
        )
        self.network.train()
        began, losses = time.monotonic(), []
        for step, rows in enumerate(batches, start=1):
            losses.append(self.step(examples.taken(rows), [tokens[row] for row in rows]))
            if step % _STEPS_BETWEEN_LINES == 0:
                speed = step * self.recipe.posts_per_batch / (time.monotonic() - began)
                mean = np.mean(losses[-_STEPS_BETWEEN_LINES:])
                self.say(f"epoch {number + 1}: step {step}/{len(batches)}, loss {mean:.3f}, {speed:.0f} posts/s")

    def step(self, batch: Examples, tokens: list[list[int]]) -> float:
        """One update; returns the loss."""
        device = next(self.network.parameters()).device
        ids, mask = padded(tokens, padding=self.padding)
        with reading(device):
            logits = self.network(ids.to(device), mask.to(device))
        loss = self.loss(logits, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _MAXIMUM_GRADIENT)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * self._rate(self.steps_done)
        self.optimiser.step()
        self.steps_done += 1
        self.optimiser.zero_grad(set_to_none=True)
        return float(loss.detach())

    def loss(self, logits: Mapping[str, Any], batch: Examples) -> Any:
        """Cross-entropy of every head, over the posts that carry it, divided by the posts of the batch."""
        total = torch.zeros((), device=next(iter(logits.values())).device)
        for head, codes in batch.labels.items():
            scores = logits[head].float()
            truth = torch.from_numpy(codes).to(scores.device)
            soft = _soft(batch, head, scores)
            weight = self.weights[head].to(scores.device)
            hard = functional.cross_entropy(scores, truth, weight, ignore_index=UNLABELLED, reduction="none")
            own = hard.sum() if soft is None else self._taught(hard, scores, soft, truth)
            total = total + own * (1.0 if head in FITTED_CLASSES else _AUXILIARY_WEIGHT)
        return total / len(batch)

    def _taught(self, hard: Any, scores: Any, soft: Any, truth: Any) -> Any:
        """Labels where there are any, the teacher where it spoke, both in their shares where both did (Hinton 2015)."""
        spoken = ~torch.isnan(soft).any(dim=1)
        follow = -(torch.nan_to_num(soft) * functional.log_softmax(scores, dim=1)).sum(dim=1)
        is_labelled = truth != UNLABELLED
        share = torch.where(spoken & is_labelled, self.recipe.soft_share, spoken.float())
        return (share * follow + (1 - share) * hard).sum()

    def tokens(self, examples: Examples) -> list[list[int]]:
        """Token ids of every post."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch([*map(self.stand_in, examples.texts)])]

    def validation_logits(self) -> dict[str, Floats]:
        """Logits of the four heads for the validation posts."""
        return logits_of(self.network, self.tokens(self.material.validation), list(FITTED_CLASSES))

    def resumed(self, path: Path) -> Progress:
        """The progress stored at `path`, its state taken up; a fresh start if there is none or it is another run's."""
        if not path.is_file():
            return Progress()
        stored = torch.load(path, weights_only=True)
        if stored["recipe"] != self._identity():
            self.say("the checkpoint is of another recipe or other posts: starting anew")
            return Progress()
        self.network.load_state_dict(stored["network"])
        self.optimiser.load_state_dict(stored["optimiser"])
        self.steps_done = self._steps(stored["epochs"])
        self.say(f"going on after epoch {stored['epochs']}")
        return Progress(epochs=stored["epochs"], scores=list(stored["scores"]), best=stored["best"])

    def save(self, path: Path, progress: Progress) -> None:
        """Write all that is needed to go on; a kill while writing leaves the checkpoint before."""
        state = {
            "recipe": self._identity(),
            "epochs": progress.epochs,
            "scores": progress.scores,
            "best": progress.best,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, path.with_suffix(".new"))
        os.replace(path.with_suffix(".new"), path)

    def _identity(self) -> str:
        parts = vars(self.material).values()
        known = {
            "recipe": asdict(self.recipe),
            "seed": self.seed,
            "origin": self.origin,
            "posts": [len(part) for part in parts],
            "content": content_of(parts),
        }
        return json.dumps(known, sort_keys=True)


def _soft(batch: Examples, head: str, scores: Any) -> Any | None:
    soft = batch.soft.get(head)
    if soft is None or np.isnan(soft).all():
        return None
    return torch.from_numpy(soft).to(scores.device)


def origin_of(base: Path, start: Path | None) -> str:
    """Hash of what the weights begin as: the files of the base, and the checkpoint that a run goes on from."""
    found = hashlib.sha256()
    files = sorted(path for path in base.iterdir() if path.suffix in _FILES_OF_A_BASE)
    for path in (*files, *([start] if start else [])):
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:_HASH_LETTERS]


def content_of(parts: Iterable[Examples]) -> str:
    """Hash of all texts, labels and a teacher's probabilities: a checkpoint of others is none to go on from."""
    found = hashlib.sha256()
    for part in parts:
        found.update("\x1f".join(part.texts).encode())
        for head in sorted(part.labels):
            found.update(part.labels[head].tobytes())
        for head in sorted(part.soft):
            found.update(part.soft[head].tobytes())
    return found.hexdigest()[:_HASH_LETTERS]


def recipe_share(steps: int, share: float) -> float:
    """Steps of a share of all steps."""
    return steps * share


def identity_of(checkpoint: Path) -> dict[str, Any]:
    """Recipe, seed and numbers of posts of the run that wrote a checkpoint."""
    return dict(json.loads(torch.load(checkpoint, weights_only=True)["recipe"]))
