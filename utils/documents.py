"""YAML files that people write, read strictly. Apart from `utils.files`, which publishing needs without any package."""

from pathlib import Path

import yaml

__all__ = ["read_yaml"]


class _Once(yaml.SafeLoader):
    """As YAML's own, which takes the last of two values under one key, but that is an error here."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [(key, at) for i, (key, (at, _)) in enumerate(zip(keys, node.value, strict=True)) if key in keys[:i]]
        for key, at in twice:
            raise ValueError(f"line {at.start_mark.line + 1}: {key!r} is there twice; once is enough")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> object:
    """Content of a YAML file in which no key is there twice.

    Parameters
    ----------
    path : Path

    Returns
    -------
    object
        ``None`` for an empty file.

    Raises
    ------
    ValueError
        If it does not read, or a key is twice in a mapping; the message has the file, the line and the key.
    """
    try:
        return yaml.load(Path(path).read_text(encoding="utf-8"), _Once)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from None
