"""From what a classifier says of posts to the share of voices that mean it; intervals carry the classifier's error.

Two corrections by a human-audited sample. `ppi_share` (prediction-powered inference, Angelopoulos, Duchi & Zrnic 2023,
arXiv:2311.01453) is for audits drawn from these very voices, or matched to them by stratum. `adjusted_count` and
`adjusted_counts` (Forman 2008, Data Mining and Knowledge Discovery 17:164-206; with probabilities Bella et al. 2010,
ICDM) need only that the classifier errs here as it did where it was audited, whatever the share there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from barometer.errors import BadInput
from barometer.estimate.intervals import Z

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Method = Literal["ppi", "adjusted_count", "probabilistic_adjusted_count", "uncorrected"]

# Below this many audited voices the classifier's error is hardly known: at 30 its rate is known to about +-17 points.
FEWEST_AUDITED = 30
# Fewest audited voices of each true class before the rates of that class's errors are used.
FEWEST_OF_A_CLASS = 10
# An audit that knows less of the voices than this (by strata never audited) does not speak for them.
LEAST_AUDITED_SHARE = 0.8
OLDEST_AUDIT_DAYS = 365
# How far the classifier's error wanders in a year (standard deviation, as a share of voices): a random walk, so its
# variance grows with the days since the audit. Text classifiers decay, and unevenly between data sets (Alkhalifa,
# Kochkina & Zubiaga 2023, Information Processing & Management 60:103200); the size is an assumption until audits of
# several years measure it here.
WANDER_PER_YEAR = 0.05
DAYS_A_YEAR = 365.25
# Audits no older than this are recent; drift is a difference between recent and older ones.
RECENT_DAYS = 28
DRIFT_SIGNIFICANCE = 0.05
# Errors not seen in n voices may still exist: one voice in error is added to what was seen, half of it of each kind
# (Jeffreys' prior of a half for each).
UNSEEN_ERRORS = 1.0
# A classifier whose answers differ by less than this between truly yes and truly no tells nothing apart.
LEAST_DISCRIMINATION = 0.1
# A half width below this is rounding.
_EXACT = 1e-9


@dataclass(frozen=True)
class Voices:
    """All voices of a place and period.

    `prediction` (N,): 0 or 1, or a probability of yes. `weight` (N,): the voice's weight. `effective_n`: simple random
    people they are worth (see `voices`). `stratum` (N,): codes of the audit's strata, where the audit is to be matched.
    """

    prediction: Array
    weight: Array
    effective_n: float
    stratum: Codes | None = None


@dataclass(frozen=True)
class Audit:
    """Voices whose label people checked.

    `prediction`, `label` (n,): what the classifier and what people say (0 or 1). `inclusion` (n,): probability with
    which the voice was drawn. `weight` (n,): its weight among voices. `stratum` (n,): codes of the strata it was drawn
    from. `age_days` (n,): days from the voice to the period estimated.
    """

    prediction: Array
    label: Array
    inclusion: Array
    weight: Array
    stratum: Codes
    age_days: Array


@dataclass(frozen=True)
class Drift:
    """Whether the classifier errs differently in recent audits than in older ones.

    `statistic`: Wald chi-squared with 2 degrees of freedom of the change in the two kinds of error. `shift`: sum of the
    sizes of both changes, as a share of voices: the most by which a share may have moved. Untested where either side is
    small.
    """

    statistic: float
    p_value: float
    shift: float
    is_tested: bool

    @property
    def is_found(self) -> bool:
        """The change is more than chance would make, at the 5 % level."""
        return self.is_tested and self.p_value < DRIFT_SIGNIFICANCE


NO_DRIFT_TEST = Drift(statistic=0.0, p_value=1.0, shift=0.0, is_tested=False)


@dataclass(frozen=True)
class Prevalence:
    """A share of voices with its error (0-1) and how it was corrected.

    `effective_n`: simple random people whose share would be as sure. `lambda_`: how far predictions were relied on
    (0 audit alone, 1 predictions plus mean error; nan where it has no meaning). `reason`: why it is uncorrected.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    effective_n: float
    lambda_: float
    n_audit: int
    audit_age_days: float
    drift: Drift
    method: Method
    reason: str = ""


@dataclass(frozen=True)
class ClassShares:
    """Shares of K classes, (K,) each, that add up to 1."""

    value: Array
    standard_error: Array
    lower: Array
    upper: Array
    n_audit: int
    method: Method
    reason: str = ""


class WilsonInterval(NamedTuple):
    """Ends of a 95 % interval and the number of simple random draws it is the interval of."""

    lower: float
    upper: float
    effective_n: float


def ppi_share(
    voices: Voices, audit: Audit | None, *, lambda_: float | None = None, is_drawn_from_voices: bool = True
) -> Prevalence:
    """Share of voices that truly say yes: mean prediction plus the audited mean error, weighted by `lambda_`.

    theta = lambda * mean(f) + mean_audit(y - lambda f), audit weighted by weight / inclusion and, where `voices` have
    strata, by what share of the voices is in each. `lambda_` is tuned for the least variance (PPI++, section 6) unless
    given. An audit drawn from the voices themselves adds nothing to how well the voices speak for people, so only the
    error's variance is tuned on (the difference estimator of survey sampling, Sarndal, Swensson & Wretman 1992, ch. 6);
    otherwise the published formula holds. The interval carries sampling, the classifier's error, the audit's age and
    any drift found. Without a usable audit: `uncorrected_share`. Raises `BadInput` on inputs that do not fit together.
    """
    _check_voices(voices)
    reason = _why_unusable(voices, audit)
    if audit is None or reason:
        return uncorrected_share(voices, reason=reason, audit=audit)
    share = _audit_shares(voices, audit)
    spread = _covariance(np.column_stack([audit.label, audit.prediction]), share, audit.stratum)
    mean, of_mean = _mean_and_variance(voices)
    tuned = _tuned(spread, 0.0 if is_drawn_from_voices else of_mean) if lambda_ is None else lambda_
    value = tuned * mean + float(share @ (audit.label - tuned * audit.prediction))
    of_error = spread[0, 0] - 2 * tuned * spread[0, 1] + tuned**2 * spread[1, 1] + _unseen(share)
    inside = float(np.clip(value, 0, 1))
    sampling = wilson_variance(inside * (1 - inside), voices.effective_n)
    if not is_drawn_from_voices:
        sampling = tuned**2 * wilson_variance(_variance(voices), voices.effective_n)
    return _corrected(inside, sampling + of_error, audit, share=share, lambda_=tuned, method="ppi")


def adjusted_count(voices: Voices, audit: Audit | None) -> Prevalence:
    """Share of voices that truly say yes, from the classifier's two error rates.

    p = (mean(f) - m0) / (m1 - m0), m1 and m0 the audited mean predictions of true yes and true no, cut at 0 and 1: with
    0/1 predictions adjusted classify-and-count, with probabilities the probabilistic adjusted count. Error by the delta
    method, for an audit of other voices; of these very voices `ppi_share` is surer. Without a usable audit, or one that
    tells nothing apart: `uncorrected_share`.
    """
    _check_voices(voices)
    reason = _why_unusable(voices, audit, is_matched=False) or _why_no_rates(audit)
    if audit is None or reason:
        return uncorrected_share(voices, reason=reason, audit=audit)
    share = _normalised(audit.weight / audit.inclusion)
    rates, spread = _rates(audit, share)
    gap = rates[1] - rates[0]
    if gap < LEAST_DISCRIMINATION:
        return uncorrected_share(voices, reason=_tells_nothing(float(gap)), audit=audit)
    mean, _ = _mean_and_variance(voices)
    value = float(np.clip((mean - rates[0]) / gap, 0, 1))
    pull = np.array([1 - value, value]) / gap
    sampling = wilson_variance(_variance(voices), voices.effective_n) / gap**2
    method: Method = "adjusted_count" if _is_hard(voices, audit) else "probabilistic_adjusted_count"
    return _corrected(value, sampling + float(pull @ spread @ pull), audit, share=share, lambda_=np.nan, method=method)


def adjusted_counts(
    prediction: Array, weight: Array, effective_n: float, *, audited: Array, label: Codes, inclusion: Array
) -> ClassShares:
    """Shares of K classes from the whole confusion matrix: the shares p on the simplex that best explain M p = mean(f).

    `prediction` (N, K) of all voices and `audited` (n, K): one-hot or probabilities; `label` (n,): true class 0..K-1;
    M[j, k]: audited mean prediction of j where k is true. Least squares under p >= 0, sum p = 1. Errors by the delta
    method, before the constraint (which only makes them smaller). Uncorrected where a class was hardly audited or M has
    no inverse.
    """
    n_classes = prediction.shape[1]
    mean = np.average(prediction, axis=0, weights=weight)
    counts = np.bincount(label, minlength=n_classes)
    if counts.min() < FEWEST_OF_A_CLASS:
        fewest = f"only {counts.min()} audited voices of class {counts.argmin()}; {FEWEST_OF_A_CLASS} are needed"
        return _uncorrected_classes(mean, effective_n, len(label), fewest)
    share = _normalised(1 / inclusion)
    confusion, spreads = _confusion(audited, label, share, n_classes)
    smallest = float(np.linalg.svd(confusion, compute_uv=False).min())
    if smallest < LEAST_DISCRIMINATION:
        return _uncorrected_classes(mean, effective_n, len(label), _tells_nothing(smallest))
    value = on_simplex(confusion, mean)
    sampling = (np.diag(mean) - np.outer(mean, mean)) / effective_n
    inverse = np.linalg.inv(confusion)
    covariance = inverse @ (sampling + np.einsum("k,kij->ij", value**2, spreads)) @ inverse.T
    return _class_shares(value, np.sqrt(np.diag(covariance)), len(label), "adjusted_count", "")


def uncorrected_share(voices: Voices, *, reason: str, audit: Audit | None = None) -> Prevalence:
    """The share the classifier counts, with the interval of sampling alone and the reason no audit corrects it."""
    mean, _ = _mean_and_variance(voices)
    variance = wilson_variance(mean * (1 - mean), voices.effective_n)
    interval = wilson_of(mean, float(np.sqrt(variance)))
    return Prevalence(
        value=mean,
        standard_error=float(np.sqrt(variance)),
        lower=interval.lower,
        upper=interval.upper,
        effective_n=interval.effective_n,
        lambda_=1.0,
        n_audit=0 if audit is None else len(audit.label),
        audit_age_days=np.nan,
        drift=NO_DRIFT_TEST,
        method="uncorrected",
        reason=reason,
    )


def drift_of(audit: Audit, *, recent_days: float = RECENT_DAYS) -> Drift:
    """Compare recent with older audits: shares of voices wrongly called yes and wrongly called no.

    Wald test that both are the same; the variances count one unseen error on each side, so that two spotless audits
    never differ. Not tested with fewer than `FEWEST_AUDITED` voices on either side.
    """
    is_recent = audit.age_days <= recent_days
    if min(is_recent.sum(), (~is_recent).sum()) < FEWEST_AUDITED:
        return NO_DRIFT_TEST
    error = audit.label - audit.prediction
    kinds = np.column_stack([np.maximum(error, 0), np.maximum(-error, 0)])
    means, spreads = zip(*(_part(audit, kinds, which) for which in (is_recent, ~is_recent)), strict=True)
    change = means[0] - means[1]
    statistic = float(change @ np.linalg.solve(spreads[0] + spreads[1], change))
    return Drift(statistic, float(stats.chi2.sf(statistic, 2)), float(np.abs(change).sum()), is_tested=True)


def ageing_variance(age_days: float, *, wander_per_year: float = WANDER_PER_YEAR) -> float:
    """Variance a share gains because its audit is `age_days` old: the error has wandered since."""
    return wander_per_year**2 * max(age_days, 0.0) / DAYS_A_YEAR


def wilson_variance(variance: float, n: float) -> float:
    """Variance of the mean of `n` draws of that variance, as the squared half width of Wilson's interval over z."""
    return (variance / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n) ** 2


def wilson_of(share: float, standard_error: float) -> WilsonInterval:
    """Wilson's interval of the sample size whose half width is z times `standard_error`: always inside 0-1.

    Solves z * se = half width for m = z^2/n, a quadratic; from a half width of 1/2 on, nothing is known.
    """
    half = Z * standard_error
    if half >= 0.5:
        return WilsonInterval(0.0, 1.0, 0.0)
    if half < _EXACT:
        return WilsonInterval(share, share, np.inf)
    a, b = 0.25 - half**2, share * (1 - share) - 2 * half**2
    m = (-b + np.sqrt(b**2 + 4 * a * half**2)) / (2 * a)
    centre = (share + m / 2) / (1 + m)
    lower, upper = max(centre - half, 0.0), min(centre + half, 1.0)
    return WilsonInterval(float(min(lower, share)), float(max(upper, share)), float(Z**2 / m))


def on_simplex(confusion: Array, mean: Array) -> Array:
    """Shares p >= 0 that add up to 1 and bring `confusion` @ p as near to `mean` as can be (least squares).

    Non-negative least squares (Lawson & Hanson 1974) with the sum as a heavily weighted equation.
    """
    heavy = 1e6 * np.ones((1, confusion.shape[1]))
    found, _ = optimize.nnls(np.vstack([confusion, heavy]), np.append(mean, heavy[0, 0]))
    return np.asarray(found / found.sum(), dtype=np.float64)


def _corrected(
    value: float, variance: float, audit: Audit, *, share: Array, lambda_: float, method: Method
) -> Prevalence:
    """The result: to sampling and the classifier's measured error comes what the audit's age and drift leave open.

    A drift found may go on: the share is as unsure as the classifier has moved between the audits.
    """
    drift, age_days = drift_of(audit), float(share @ np.maximum(audit.age_days, 0))
    variance = variance + ageing_variance(age_days) + (drift.shift**2 if drift.is_found else 0.0)
    standard_error = float(np.sqrt(variance))
    interval = wilson_of(value, standard_error)
    return Prevalence(
        value=value,
        standard_error=standard_error,
        lower=interval.lower,
        upper=interval.upper,
        effective_n=interval.effective_n,
        lambda_=float(lambda_),
        n_audit=len(audit.label),
        audit_age_days=age_days,
        drift=drift,
        method=method,
    )


def _check_voices(voices: Voices) -> None:
    prediction, weight = voices.prediction, voices.weight
    if prediction.size == 0 or prediction.shape != weight.shape:
        raise BadInput("voices: need one weight for each prediction, and at least one")
    if not ((prediction >= 0) & (prediction <= 1)).all():
        raise BadInput("voices, prediction: must lie between 0 and 1")
    if not (weight >= 0).all() or weight.sum() <= 0 or voices.effective_n <= 0:
        raise BadInput("voices: weights must be 0 or more, not all 0, and effective_n above 0")


def _check_audit(audit: Audit) -> None:
    columns = (audit.prediction, audit.label, audit.inclusion, audit.weight, audit.stratum, audit.age_days)
    if len({len(column) for column in columns}) > 1:
        raise BadInput("audit: its columns must be of the same length")
    if not np.isin(audit.label, (0, 1)).all():
        raise BadInput("audit, label: must be 0 or 1; leave out voices nobody labelled")
    if not ((audit.inclusion > 0) & (audit.inclusion <= 1)).all():
        raise BadInput("audit, inclusion: must be probabilities above 0")
    if not ((audit.prediction >= 0) & (audit.prediction <= 1)).all():
        raise BadInput("audit, prediction: must lie between 0 and 1")


def _why_unusable(voices: Voices, audit: Audit | None, *, is_matched: bool = True) -> str:
    """Why the audit cannot correct these voices, in words; empty where it can."""
    if audit is None:
        return "no audited sample has been read back"
    _check_audit(audit)
    if len(audit.label) < FEWEST_AUDITED:
        return f"only {len(audit.label)} audited voices; {FEWEST_AUDITED} are needed"
    if audit.age_days.min() > OLDEST_AUDIT_DAYS:
        return f"the latest audit is {audit.age_days.min():.0f} days old; {OLDEST_AUDIT_DAYS} is the most"
    known = _audited_share(voices, audit) if is_matched else 1.0
    if known < LEAST_AUDITED_SHARE:
        return f"strata with {known:.0%} of the voices were audited; {LEAST_AUDITED_SHARE:.0%} are needed"
    return ""


def _why_no_rates(audit: Audit | None) -> str:
    """Why the audit does not give the error rates of both classes; empty where it does."""
    fewest = 0 if audit is None else int(min((audit.label == 0).sum(), (audit.label == 1).sum()))
    if fewest < FEWEST_OF_A_CLASS:
        return f"only {fewest} audited voices of one class; {FEWEST_OF_A_CLASS} of each are needed"
    return ""


def _tells_nothing(gap: float) -> str:
    return f"the classifier's answers differ by {gap:.2f} between classes; {LEAST_DISCRIMINATION} is the least"


def _audited_share(voices: Voices, audit: Audit) -> float:
    """Share of the voices' weight in strata that were audited."""
    if voices.stratum is None:
        return 1.0
    return float(voices.weight[np.isin(voices.stratum, audit.stratum)].sum() / voices.weight.sum())


def _audit_shares(voices: Voices, audit: Audit) -> Array:
    """What each audited voice counts for, adding up to 1; strata counting for what they are among the voices."""
    raw = audit.weight / audit.inclusion
    if voices.stratum is None:
        return _normalised(raw)
    n_strata = int(max(voices.stratum.max(), audit.stratum.max())) + 1
    wanted = np.bincount(voices.stratum, voices.weight, n_strata)
    drawn = np.bincount(audit.stratum, raw, n_strata)
    return _normalised(raw * wanted[audit.stratum] / drawn[audit.stratum])


def _normalised(raw: Array) -> Array:
    return np.asarray(raw / raw.sum(), dtype=np.float64)


def _covariance(values: Array, share: Array, stratum: Codes) -> Array:
    """Design covariance of the weighted means of the columns of `values` (n, m), drawn by stratum.

    Linearised ratio of totals, drawn with replacement (Sarndal, Swensson & Wretman 1992, sec. 5.5). A stratum of one
    voice is compared with the whole sample.
    """
    pulled = share[:, None] * (values - share @ values)
    _, code, size = np.unique(stratum, return_inverse=True, return_counts=True)
    totals = np.zeros((len(size), values.shape[1]))
    np.add.at(totals, code, pulled)
    is_alone = (size == 1)[code][:, None]
    centred = np.where(is_alone, pulled, pulled - (totals / size[:, None])[code])
    scaled = centred * np.sqrt(np.where(size > 1, size / np.maximum(size - 1, 1), 1.0))[code][:, None]
    return np.asarray(scaled.T @ scaled, dtype=np.float64)


def _unseen(share: Array, *, errors: float = UNSEEN_ERRORS) -> float:
    """Variance of a mean error from `errors` voices in error that the audit did not happen to meet."""
    n = 1 / float(share @ share)
    return errors / (n * (n + 1))


def _tuned(spread: Array, of_mean: float) -> float:
    """Lambda of the least variance, between 0 and 1; predictions that never differ are taken as they are."""
    return float(np.clip(spread[0, 1] / (spread[1, 1] + of_mean), 0, 1)) if spread[1, 1] + of_mean > 0 else 1.0


def _variance(voices: Voices) -> float:
    mean = np.average(voices.prediction, weights=voices.weight)
    return float(np.average((voices.prediction - mean) ** 2, weights=voices.weight))


def _mean_and_variance(voices: Voices) -> tuple[float, float]:
    """Weighted mean prediction, and its variance over Kish's effective number of voices."""
    kish = voices.weight.sum() ** 2 / (voices.weight**2).sum()
    return float(np.average(voices.prediction, weights=voices.weight)), _variance(voices) / float(kish)


def _is_hard(voices: Voices, audit: Audit) -> bool:
    return bool(np.isin(voices.prediction, (0, 1)).all() and np.isin(audit.prediction, (0, 1)).all())


def _part(audit: Audit, kinds: Array, which: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """Shares of the two kinds of error in a part of the audit, and their covariance with unseen errors."""
    share = _normalised(audit.weight[which] / audit.inclusion[which])
    spread = _covariance(kinds[which], share, audit.stratum[which])
    return share @ kinds[which], spread + np.eye(2) * _unseen(share, errors=UNSEEN_ERRORS / 2)


def _rates(audit: Audit, share: Array) -> tuple[Array, Array]:
    """Mean prediction of true no and of true yes, and their covariance."""
    is_class = np.column_stack([audit.label == 0, audit.label == 1]).astype(np.float64)
    size = share @ is_class
    means = (share * audit.prediction) @ is_class / size
    pulled = is_class * (audit.prediction[:, None] - means) / size
    unseen = [_unseen(_normalised(share[kind > 0]), errors=UNSEEN_ERRORS / 2) for kind in is_class.T]
    return means, _covariance(pulled, share, audit.stratum) + np.diag(unseen)


def _confusion(audited: Array, label: Codes, share: Array, n_classes: int) -> tuple[Array, Array]:
    """Mean prediction (K, K) by true class in columns, and the covariance of each column (K, K, K)."""
    columns, spreads = [], []
    for value in range(n_classes):
        own = _normalised(share[label == value])
        columns.append(own @ audited[label == value])
        spread = _covariance(audited[label == value], own, np.zeros(len(own), dtype=np.int64))
        spreads.append(spread + np.eye(n_classes) * _unseen(own, errors=UNSEEN_ERRORS / 2))
    return np.column_stack(columns), np.array(spreads)


def _uncorrected_classes(mean: Array, effective_n: float, n_audit: int, reason: str) -> ClassShares:
    errors = np.sqrt([wilson_variance(share * (1 - share), effective_n) for share in mean])
    return _class_shares(mean, errors, n_audit, "uncorrected", reason)


def _class_shares(value: Array, errors: Array, n_audit: int, method: Method, reason: str) -> ClassShares:
    ends = [wilson_of(float(share), float(error)) for share, error in zip(value, errors, strict=True)]
    lower, upper = np.array([end.lower for end in ends]), np.array([end.upper for end in ends])
    return ClassShares(value, errors, lower, upper, n_audit, method, reason)
