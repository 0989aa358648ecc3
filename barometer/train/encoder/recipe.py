"""Every choice of the encoder's training; what was tried stands in `models/encoder/experiments.md`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Two phases: first all that helps (`broad_epochs`), then the labelled posts alone (`main_epochs`).

    `auxiliary_posts` and `taught_posts` are drawn anew for every broad epoch, `mention_posts` for every epoch (0 leaves
    the kind out). `swapped_share`: of posts that name a listed group or neighbourhood, how many name an unlisted
    one instead in an epoch; `has_stand_ins`: one word is read for all listed ones, as the night does. `layer_decay`:
    learning rate of a layer over that of the layer above it. `balance`: class weights are frequency ** -balance.
    `soft_share`: part of a labelled post's loss that follows the teacher. Rates and shares have no unit.
    """

    broad_epochs: int = 5
    main_epochs: int = 2
    auxiliary_posts: int = 0
    taught_posts: int = 10_000
    learning_rate: float = 8e-5
    head_rate: float = 1e-3
    layer_decay: float = 0.9
    frozen_layers: int = 0
    warm_up: float = 0.08
    weight_decay: float = 0.01
    balance: float = 0.5
    soft_share: float = 0.5
    dropout: float = 0.1
    posts_per_batch: int = 32
    longest_tokens: int = 96
    patience: int = 3
    mention_posts: int = 800
    swapped_share: float = 0.4
    has_stand_ins: bool = True

    @property
    def epochs(self) -> int:
        """All epochs of both phases."""
        return self.broad_epochs + self.main_epochs


def teacher_recipe() -> Recipe:
    """A large base on CPUs: the labelled posts alone, the lowest layers as they are, posts cut short."""
    return Recipe(
        broad_epochs=0,
        main_epochs=4,
        mention_posts=500,
        auxiliary_posts=0,
        taught_posts=0,
        learning_rate=5e-5,
        layer_decay=0.95,
        frozen_layers=4,
        longest_tokens=64,
        patience=99,
        swapped_share=0.3,
    )
