"""How soon a fall of five points is seen, how often nothing is called something, and how long looking takes.

Run by `make bench`. A share falls from 60 % to 55 % in one series of a city with 6 indicators, 63 neighbourhoods and
the whole city; all else is steady. Prints tables; asserts nothing.
"""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from barometer.estimate.change import detect, dispersion, e_bh, family_weights, innovations
from barometer.estimate.watch import FALSE_ALARM_RATE

INDICATORS, AREAS, WEEKS = 6, 63, 104
FAMILIES = ["city"] * INDICATORS + ["parts"] * (INDICATORS * AREAS)
BEFORE, AFTER = 0.60, 0.55
RUNS = 2000

Array = npt.NDArray[np.float64]
Rng = np.random.Generator


def seconds() -> float:
    """Time for 6 x 63 series over 104 periods, with their dispersion."""
    values, errors = np.random.default_rng(1).normal(size=(INDICATORS * AREAS, WEEKS)), np.ones((378, WEEKS))
    start = time.perf_counter()
    detect(values, errors, horizon=WEEKS, dispersion=dispersion(innovations(values, errors)))
    return time.perf_counter() - start


def delays(rng: Rng, *, error: float, before: int, since: int, is_city: bool) -> Array:
    """Periods until the fall is an alert, one a run; infinite where it is not."""
    values = rng.normal(BEFORE, error, (RUNS, before + since))
    values[:, before:] += AFTER - BEFORE
    needed = np.log(len(FAMILIES) / FALSE_ALARM_RATE) - np.log(family_weights(FAMILIES)[0 if is_city else -1])
    found = detect(values, np.full_like(values, error), horizon=before + since)
    is_alert = found.log_evidence[:, before:] >= needed
    return np.where(is_alert.any(axis=1), is_alert.argmax(axis=1) + 1, np.inf)


def false_alarms(rng: Rng, *, periods: int, together: float, runs: int = 200) -> tuple[float, float]:
    """Share of steady cities with an alert in the last period, and with one in any period."""
    last = ever = 0
    for _ in range(runs):
        own, common = rng.normal(size=(len(FAMILIES), periods)), rng.normal(size=(1, periods))
        errors = rng.uniform(0.5, 2.0, own.shape)
        values = (np.sqrt(1 - together) * own + np.sqrt(together) * common) * errors
        nights = detect(values, errors, horizon=periods).log_evidence
        hits = [e_bh(night, rate=FALSE_ALARM_RATE, weights=family_weights(FAMILIES)).any() for night in nights.T]
        last, ever = last + bool(hits[-1]), ever + any(hits)
    return last / runs, ever / runs


def rolling_alarms(rng: Rng, *, look_backs: int = 10, periods: int = 15, runs: int = 20) -> float:
    """Alarmed periods per look-back in steady cities watched for ten look-backs, the window moving along."""
    alarmed = 0
    for _ in range(runs):
        values = rng.normal(size=(len(FAMILIES), periods * (look_backs + 1)))
        for end in range(periods, values.shape[1]):
            window = values[:, end - periods : end]
            night = detect(window, np.ones_like(window), horizon=periods).log_evidence[:, -1]
            alarmed += bool(e_bh(night, rate=FALSE_ALARM_RATE, weights=family_weights(FAMILIES)).any())
    return alarmed / (runs * look_backs)


def main() -> None:
    rng = np.random.default_rng(2)
    print(f"change detection, {INDICATORS * AREAS} series x {WEEKS} periods: {seconds():.2f} s")
    print(f"\nfall of 5 points, {FALSE_ALARM_RATE:.0%} over the city: median delay in periods (seen in the time given)")
    print(f"{'n a period and area':>20} {'known before':>13} {'time given':>11} {'city':>16} {'one area':>16}")
    for n in (60, 150, 400):
        error = float(np.sqrt(BEFORE * (1 - BEFORE) / n))
        for before, since in ((3, 1), (7, 8), (52, 52)):
            city = delays(rng, error=error / np.sqrt(AREAS), before=before, since=since, is_city=True)
            area = delays(rng, error=error, before=before, since=since, is_city=False)
            print(f"{n:>20} {before:>13} {since:>11} {_said(city):>16} {_said(area):>16}")
    print("\nsteady cities with an alert: in the last period, in any of 15 periods")
    for together in (0.0, 0.5, 0.95):
        last, ever = false_alarms(rng, periods=15, together=together)
        print(f"  errors of a period correlated {together:.2f}: {last:.3f}, {ever:.3f}")
    print(f"alarmed periods per look-back when the window moves along: {rolling_alarms(rng):.3f}")


def _said(waited: Array) -> str:
    median = np.median(waited)
    return f"{'-' if np.isinf(median) else f'{median:.0f}'} ({np.mean(np.isfinite(waited)):.0%})"


if __name__ == "__main__":
    main()
