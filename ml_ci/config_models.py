"""`models` of `.ml-ci.yml`: several models in one file, each with a configuration of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from ml_ci import config_values as values
from ml_ci.config import Config
from ml_ci.config_keys import TOP, known
from ml_ci.config_yaml import Field, quoted
from ml_ci.errors import ConfigError

Settings = Callable[[dict[str, Field]], Config]
"""Reads the keys of one configuration, which has no `models`."""

OUTPUT_NAMES = (
    *("records", "mlflow", "plots", "images"),
    *("result.json", "report.md", "report.html", "base.json", "head.json"),
)
"""What stands in the output folder beside the folders of the models, which have their keys for names."""

_NOT_INHERITED = ("models", "key")


def models(top: dict[str, Field], settings: Settings) -> tuple[Config, ...]:
    """Each entry of `models` as a whole configuration: its own keys, and those of the top level that it does not have.

    Raises ConfigError, with the line where the mistake stands, in an entry or at the top level.
    """
    common = {key: field for key, field in top.items() if key not in _NOT_INHERITED}
    entries = values.mapping(top["models"], "{churn: {working-directory: churn}}").fields
    own = {name: _own(entry) for name, entry in entries.items()}
    _check_unused(common, list(own.values()), settings)
    found: dict[str, Config] = {}
    for name, fields in own.items():
        place = fields["key"].place if "key" in fields else entries[name].place
        config = settings({**common, **fields})
        key = config.key if "key" in fields else values.key_name(name, str(place))
        same = found.get(key.casefold())
        if same:
            raise place.error(
                f"the models {quoted(same.name)} and {quoted(name)} would both have the key {quoted(key)}, in which upper "
                "and lower case count as one; give one of them another name or key."
            )
        if key.casefold() in OUTPUT_NAMES:
            raise place.error(
                f"{quoted(key)} cannot be the key of a model, as that is something else in the output folder; "
                f"give it another name, or a key such as {quoted(f'{key}-model')}."
            )
        found[key.casefold()] = replace(config, key=key, name=name)
    return tuple(found.values())


def chosen(config: Config, name: str | None) -> Config:
    """The configuration of the one model that is called so, or has that key; the whole where `name` is None.

    Raises ConfigError where there is none.
    """
    if name is None:
        return config
    found = _by_key_or_name(config.models, name, name)
    if found:
        return found
    file = config.source.name if config.source else "The configuration"
    if not config.models:
        raise ConfigError(f"{file} has no `models`, so there is no {quoted(name)} in it: leave --model out.")
    raise ConfigError(
        f"{file} has no model {quoted(name)}{values.near(name, tuple(model.key for model in config.models))} "
        f"{_list(config.models)}"
    )


def of_runs(config: Config, keys: Iterable[str]) -> Config:
    """The configuration for two runs of which `keys` are the keys: that of their model, where there are several.

    Raises ConfigError where they name none, or two.
    """
    if not config.models:
        return config
    named = [model for model in config.models if model.key in set(keys)]
    if len(named) == 1:
        return named[0]
    file = config.source.name if config.source else "The configuration"
    which = "are of different models" if named else "do not say of which model they are"
    raise ConfigError(f"{file} has several models, and the runs {which}: name one with --model. {_list(config.models)}")


def at_base(own: Config, config: Config) -> Config | None:
    """What the base's file says of the model that `config` is about; None where it says nothing of it.

    It is known by its key, by which it is recorded, or else by its name. A file that is about one model is about this one
    too, unless head's has several, and this one has another key.
    """
    if own.models:
        return _by_key_or_name(own.models, config.key, config.name)
    return own if not config.name or own.key == config.key else None


def _own(entry: Field) -> dict[str, Field]:
    fields = known(values.mapping(entry, "{working-directory: churn}"), TOP)
    if "models" in fields:
        raise fields["models"].place.error('"models" belongs at the top level; a model has none of its own.')
    return fields


def _check_unused(common: dict[str, Field], own: list[dict[str, Field]], settings: Settings) -> None:
    """Read also what stands at the top level for nobody, since each model has its own: a mistake is one there, too."""
    unused = {key: field for key, field in common.items() if all(key in fields for fields in own)}
    if unused:
        first = {**common, **own[0], **unused}
        if "slices" not in unused:  # they are about the first model's own gate
            first.pop("slices", None)
        settings(first)


def _by_key_or_name(models: tuple[Config, ...], key: str, name: str) -> Config | None:
    found = [model for model in models if model.key == key] or [model for model in models if model.name == name]
    return found[0] if found else None


def _list(models: tuple[Config, ...]) -> str:
    names = [model.key for model in models]
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"Its models are {', '.join(names[:10])}{more}."
