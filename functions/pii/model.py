"""Language models by spaCy: the only module that imports it.

Of a pipeline only the entity recogniser is loaded, and what it listens to: in spaCy's own models
below `trf` it has an embedding of its own, so that `tok2vec`, which serves the tagger, is left out.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spacy
from spacy.util import get_package_path, load_meta
from thinc.api import NumpyOps, get_current_ops

from common.variables import SettingsError
from functions.pii.recognizers import RULES_VERSION, Labelled

RECOGNISER = "ner"
_WARM_UP = "Ada Lovelace was born on 10 December 1815 in London."
# Texts that the model reads as one array.
_TOGETHER = 16
_HOW = "functions/pii/README.md says how models are installed"


class LanguageModel:
    """One loaded pipeline. Not for several threads at once."""

    def __init__(self, language: str, package: str) -> None:
        """Loads the package and reads a sentence. Raises `SettingsError` naming what is missing."""
        if importlib.util.find_spec(package) is None:
            raise SettingsError(
                f"RELAY_PII_MODELS names {language}={package}, a package that is not installed: "
                f"install it or name another one; {_HOW}"
            )
        meta = load_meta(_meta_file(language, package))
        if RECOGNISER not in meta["pipeline"]:
            raise SettingsError(
                f"RELAY_PII_MODELS names {language}={package}, which recognises no entities (it "
                f"has no component `{RECOGNISER}`): name another model; {_HOW}"
            )
        self.language = language
        self.version = f"{package} {meta['version']}, rules {RULES_VERSION}"
        self._pipeline = _load(package, meta["pipeline"])
        self.labels([_WARM_UP])

    def labels(self, texts: Sequence[str]) -> list[list[Labelled]]:
        """Of each text, what the recogniser marks: start, end, its own label."""
        # Words that it has not seen before are forgotten again, or the vocabulary would grow.
        with self._pipeline.memory_zone():
            return [
                [Labelled(one.start_char, one.end_char, one.label_) for one in document.ents]
                for document in self._pipeline.pipe(texts, batch_size=_TOGETHER)
            ]


def _load(package: str, components: Sequence[str]) -> Any:
    ops = get_current_ops()
    if isinstance(ops, NumpyOps):
        # BLIS as packaged for PyPI has no kernels of any processor; NumPy's OpenBLAS has.
        ops.use_blis = False
    embeddings = [name for name in components if name in ("tok2vec", "transformer")]
    pipeline = spacy.load(
        package, exclude=[name for name in components if name not in (*embeddings, RECOGNISER)]
    )
    heard = {node.name for node in pipeline.get_pipe(RECOGNISER).model.walk()}
    if not any("listener" in name for name in heard):
        for name in embeddings:
            pipeline.remove_pipe(name)
    return pipeline


def _meta_file(language: str, package: str) -> Path:
    folder = Path(get_package_path(package))
    for file in (folder / "meta.json", *sorted(folder.glob("*/meta.json"))):
        if file.is_file():
            return file
    raise SettingsError(
        f"RELAY_PII_MODELS names {language}={package}, which is no model of spaCy: {_HOW}"
    )
