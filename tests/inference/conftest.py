"""The bundled model, found once for all tests."""

from typing import Any

import pytest

from inference.base_model import BaseModel, load_config, resolve_base_model
from inference.base_shapes import BaseShapes, base_shapes
from inference.bundled_model import BUNDLED_MODEL


@pytest.fixture(scope="session")
def bundled_base() -> BaseModel:
    """The bundled base model, converted on first use."""
    return resolve_base_model(BUNDLED_MODEL)


@pytest.fixture(scope="session")
def bundled_shapes(bundled_base: BaseModel) -> BaseShapes:
    """Sizes of the bundled base model."""
    return base_shapes(load_config(bundled_base))


@pytest.fixture(scope="session")
def bundled_tokenizer(bundled_base: BaseModel) -> Any:
    """The bundled model's tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(bundled_base.source)
