"""A search among settings for those that score best on the validation fields."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
from tqdm import tqdm

from cellid.config import Range
from cellid.errors import CellidError
from cellid.extras import import_extra
from cellid.recipes import parse_settings
from cellid.report.comparison import TRIAL, orient, write_search
from cellid.report.markup import count
from cellid.workflows.study import RUNS, open_folder, score_all, train_all
from cellid.workflows.study_plan import (
    Changes,
    PlannedRun,
    Study,
    describe_value,
    plan_seeds,
    read_axis,
    read_study,
)

_JOURNAL, _NAME = "search.journal", "search"

Space = Mapping[str, Range | Mapping[str, Changes]]
"""What may be tried, by name: a range, or the settings of each choice."""


def search_settings(
    file: Path, out: Path, jobs: int = 1, say: Callable[[str], None] = print
) -> dict[str, str]:
    """Try settings within the ranges of a study file, and tell which score best.

    The axes of a grid are searched too, each level a choice. What is tried next follows from
    the validation scores of what was tried (Optuna's tree-structured Parzen estimator); the
    test split is not looked at. Called again, it goes on where it was interrupted; with more
    trials in the file, it adds them.

    Parameters
    ----------
    file : Path
        The study file (`cellid.config.StudySettings`).
    out : Path
        A new folder, or that of the same search. Gets a run folder for each trial and seed in
        `runs`, and what `write_search` writes.
    jobs : int
        Trainings at once; no more than there are GPUs, if there are any.
    say : callable
        Told what was understood.

    Returns
    -------
    dict of str to str
        Trainings that failed, and why.

    Raises
    ------
    CellidError
        If Optuna is not installed, the file is wrong, there is too little to train on, ``out``
        holds something else or another search, or all trials fail.
    """
    optuna = import_extra("optuna", "search")
    study = read_study(file)
    space = read_space(study)
    settings = study.settings
    open_folder(study, out, say, _describe(study))
    say(f"search among {', '.join(space)}: {count(settings.trials, 'trial')}")
    trials = _Trials(optuna, study, space, out)
    failures: dict[str, str] = {}
    with tqdm(total=settings.trials, initial=trials.n_done, desc="search", unit="trial") as bar:
        while trials.n_done < settings.trials:
            n_at_once = math.ceil(jobs / len(settings.seeds))
            asked = trials.ask(min(n_at_once, settings.trials - trials.n_done))
            runs = [run for planned in asked.values() for run in planned]
            failures |= train_all(study, runs, "validation", jobs, bar.write)
            for number, planned in asked.items():
                trials.tell(number, [run for run in planned if run.folder.name not in failures])
            bar.update(trials.n_done - bar.n)
    scored = score_all(study, trials.succeeded())
    if not scored:
        raise CellidError(
            out,
            expected="trials that succeed",
            got=f"{count(trials.n_done, 'failure')}",
            remedy=f"see what went wrong in log.txt of the folders in {out / RUNS}",
        )
    best, report = write_search(scored, space, study.recipe, settings.score, failures, out)
    for name, why in failures.items():
        say(f"failed: {name}: {why}")
    say(f"report: {report.resolve()}")
    say(f"on the test: cellid evaluate {best} --dataset {study.dataset} --out {out / 'best'}")
    return failures


def read_space(study: Study) -> Space:
    """Return what a study file says may be tried.

    Raises
    ------
    CellidError
        If there is nothing to search, or a range or setting is wrong.
    """
    if not study.settings.search:
        raise CellidError(
            study.file,
            expected="what to search",
            got="no [search]",
            remedy='add one, such as [search] "train.learning_rate" = '
            "{low = 1e-4, high = 1e-2, log = true}",
        )
    space: dict[str, Range | Mapping[str, Changes]] = dict(study.axes)
    for name, wanted in study.settings.search.items():
        if isinstance(wanted, dict) and "low" in wanted:
            space[name] = parse_settings(Range, wanted, f"[search] {name}, {study.file}")
        else:
            space[name] = read_axis(name, wanted, study.file)
    for name, part in space.items():
        for value in (part.low, part.high) if isinstance(part, Range) else part:
            study.change(_changes(name, part, value))
    return space


class _Trials:
    """What was tried, and what is to be tried next; kept in the folder of the search."""

    def __init__(self, optuna: ModuleType, study: Study, space: Space, out: Path) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        journal = optuna.storages.journal.JournalFileBackend(str(out / _JOURNAL))
        self._trials = optuna.create_study(
            storage=optuna.storages.JournalStorage(journal),
            study_name=_NAME,
            load_if_exists=True,
            direction="maximize",
        )
        self._states = optuna.trial.TrialState
        self._make_sampler = optuna.samplers.TPESampler
        self._distributions = {
            name: _distribution(optuna.distributions, part) for name, part in space.items()
        }
        self._study, self._space, self._runs = study, space, out / RUNS

    @property
    def n_done(self) -> int:
        """Trials that have ended, well or not."""
        return len(self._in(self._states.COMPLETE, self._states.FAIL))

    def ask(self, n: int) -> dict[int, list[PlannedRun]]:
        """Return the trainings of ``n`` trials by number: first those that were interrupted."""
        for number in range(len(self._trials.trials), self.n_done + n):
            # A seed of each trial's own: an interrupted search goes on as it would have
            seed = self._study.settings.seeds[0] + number
            self._trials.sampler = self._make_sampler(seed=seed, constant_liar=True)
            self._trials.ask(self._distributions)
        return {trial.number: self._plan(trial) for trial in self._in(self._states.RUNNING)}

    def tell(self, number: int, runs: Sequence[PlannedRun]) -> None:
        """Keep the mean score over seeds, of the trainings of a trial that did not fail."""
        score = self._study.settings.score
        scores = [run.scores[score] for run in score_all(self._study, runs)]
        mean = float(orient(score, pd.Series(scores, dtype=float)).mean())
        if math.isnan(mean):
            self._trials.tell(number, state=self._states.FAIL)
        else:
            self._trials.tell(number, mean)

    def succeeded(self) -> list[PlannedRun]:
        """Return the finished trainings of all trials that have a score."""
        return [
            run
            for trial in self._in(self._states.COMPLETE)
            for run in self._plan(trial)
            if (run.folder / "report.html").exists()
        ]

    def _in(self, *states: Any) -> list[Any]:
        return list(self._trials.get_trials(states=states))

    def _plan(self, trial: Any) -> list[PlannedRun]:
        """Return the trainings of a trial, one a seed."""
        values = {name: trial.params[name] for name in self._space}
        changes = (_changes(name, self._space[name], value) for name, value in values.items())
        levels = {TRIAL: str(trial.number)}
        levels |= {name: describe_value(value) for name, value in values.items()}
        folder = self._runs / f"trial-{trial.number:03d}"
        return plan_seeds(levels, self._study.change(*changes), self._study.settings.seeds, folder)


def _distribution(distributions: Any, part: Range | Mapping[str, Changes]) -> Any:
    """Return a part of the space as Optuna names it."""
    if not isinstance(part, Range):
        return distributions.CategoricalDistribution(tuple(part))
    whole = isinstance(part.low, int) and isinstance(part.high, int)
    kind = distributions.IntDistribution if whole else distributions.FloatDistribution
    return kind(part.low, part.high, log=part.log)


def _changes(name: str, part: Range | Mapping[str, Changes], value: Any) -> Changes:
    """Return the settings that a value of a range, or the name of a choice, stands for."""
    return {name: value} if isinstance(part, Range) else part[value]


def _describe(study: Study) -> dict[str, Any]:
    """Return what makes two searches the same, as JSON holds it."""
    settings = study.settings.model_dump(mode="json")
    return {
        **{name: settings[name] for name in ("seeds", "grid", "search", "score")},
        "recipe": study.recipe.model_dump(mode="json", exclude={"evaluate", "track", "log_to"}),
    }
