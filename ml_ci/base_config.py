"""What the base branch's configuration says: how base is trained, and the rules that a pull request is judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ml_ci.compare.rule_changes import RuleChange, rule_changes
from ml_ci.config import Config, PredictionsSpec
from ml_ci.config_models import at_base
from ml_ci.config_pass_env import allows_no_more, widest
from ml_ci.config_reader import FILE_NAMES, parse
from ml_ci.errors import MlCiError
from ml_ci.sources.git import Git

Read = Callable[[str, str], bytes | None]
"""The content of a file by commit and path, None where it is not there: `Git.read`, or over GitHub's API."""

GONE = "gone"
"""Among `Config.overridden`: head's configuration has no such model, so it is judged as base's says."""


@dataclass(frozen=True, kw_only=True)
class BaseConfig:
    """The base's configuration of the same model; None where it has none, and `why` says why if it cannot be read.

    `pass_env` is what training may see as base's file says, also for a model that is not in it; None: everything.
    """

    config: Config | None = None
    why: str = ""
    pass_env: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """`config` is head's with the rules that count; `changes` are what head changes in base's, in vain where `by_base`."""

    config: Config
    changes: tuple[RuleChange, ...] = ()
    by_base: bool = False


def read_base(git: Git, commit: str, config: Config) -> BaseConfig:
    """The configuration at the base's commit, of the model that head's `config` is of."""
    try:
        whole = whole_config(git.read, commit, _names(git, config), "the base")
    except MlCiError as error:
        return BaseConfig(why=str(error))
    return of_model(whole, config)


def of_model(whole: Config | None, config: Config) -> BaseConfig:
    """What the base's file, where it has one, says of the model that head's `config` is of."""
    own = at_base(whole, config) if whole else None
    return BaseConfig(config=own, pass_env=own.pass_env if own else widest(whole) if whole else None)


def with_models_of_base(git: Git, commit: str | None, config: Config) -> Config:
    """Head's configuration, with the models that only base's has (`with_models_of`)."""
    try:
        whole = whole_config(git.read, commit, _names(git, config), "the base") if commit else None
    except MlCiError:
        return config  # whose rules count then is said where each model is judged
    return with_models_of(whole, config, here=config.source is not None)


def with_models_of(whole: Config | None, config: Config, *, here: bool) -> Config:
    """Head's configuration, with the models that only base's (`whole`) has: to take a rule out does not count yet, and so
    it does not count either to take out a whole model, or the file. `here` says that head has a file at all.
    """
    if whole is None or not (whole.models or config.models):
        return config
    own = config.models or ((replace(config, name=config.key),) if here else ())
    # just those whose rules one of head's will be judged by: a name alone may be that of another model
    taken = [at_base(whole, model) for model in config.models or ((config,) if here else ())]
    gone = [
        replace(model, source=config.source, name=model.name or model.key, overridden=model.overridden | {GONE})
        for model in whole.models or (whole,)
        if model.policy.rules == "base" and model.gate and not any(model is each for each in taken)
    ]
    return replace(config, models=(*own, *gone)) if gone else config


def whole_config(read: Read, commit: str, names: Sequence[str], whose: str) -> Config | None:
    """All that the file at a commit says, the first of `names` that is there; None where there is none.

    `whose` it is says the message of a mistake. Raises the errors of reading it.
    """
    found = next(((name, text) for name in names if (text := read(commit, name)) is not None), None)
    return parse(found[1], f"{found[0]} of {whose}") if found else None


def _names(git: Git, config: Config) -> Sequence[str]:
    """What the file may be called, from the repository's top."""
    if config.source is None or config.source in [git.top / name for name in FILE_NAMES]:
        return FILE_NAMES
    # one from outside of the repository is not the base's, it is said of both
    return [str(config.source.relative_to(git.top))] if config.source.is_relative_to(git.top) else ()


def judged_by(base: BaseConfig, config: Config) -> Judged:
    """Head's configuration with the rules of base, unless base lets head's count.

    A base without a configuration, or with one that cannot be read, has no rules, so head's count: whoever opens a pull
    request cannot bring that about.
    """
    own = base.config
    if own is None:
        # a model that is new may not show itself what no other model sees
        new = config.pass_env if allows_no_more(config.pass_env, base.pass_env) else base.pass_env
        return Judged(config=replace(config, pass_env=new))
    changes = rule_changes(own, config)
    if own.policy.rules == "head":
        # who may say how a model is judged may not say thereby which secrets it gets
        return Judged(config=replace(config, pass_env=own.pass_env), changes=tuple(map(_once_merged, changes)))
    # what the workflow says of it is not in the repository's file, and holds for both
    inconclusive = (config if "inconclusive" in config.overridden else own).policy.inconclusive
    return Judged(
        config=replace(
            config,
            gate=own.gate,
            slices=own.slices,
            policy=replace(own.policy, inconclusive=inconclusive),
            baseline=own.baseline,
            pass_env=own.pass_env,
            repeats=max(own.repeats, config.repeats),
            predictions=_predictions(own.predictions, config.predictions),
        ),
        changes=changes,
        by_base=True,
    )


def _once_merged(change: RuleChange) -> RuleChange:
    return replace(change, name="pass-env (once it is merged)") if change.name == "pass-env" else change


def trained_as(base: BaseConfig, config: Config) -> Config:
    """How base is trained: as its own configuration says; as head's does where it has none."""
    own = base.config
    if own is None:
        return config
    return replace(
        config,
        train=config.train if "train" in config.overridden else own.train,
        working_directory=own.working_directory,
        environment=own.environment,
        pull=own.pull,
        inputs=own.inputs,
    )


def _predictions(own: PredictionsSpec | None, head: PredictionsSpec | None) -> PredictionsSpec | None:
    """What is asked of the predictions is base's to say; where they are, and under which names, is head's."""
    if own is None or head is None:
        return own or head
    return replace(head, group=own.group, slices=own.slices, metrics=own.metrics, columns=own.columns)
