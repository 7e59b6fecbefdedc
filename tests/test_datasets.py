"""Data sets that come with the installation."""

import ast
import inspect
import json.decoder

import numpy as np
import pytest

from litmus.datasets import DIGITS_SCALINGS, digits, standard_library_digest, standard_library_text


def test_library_text_is_the_source_of_its_modules():
    texts = standard_library_text(["json.decoder", "inspect"])
    assert list(texts) == ["json.decoder", "inspect"]
    assert texts["json.decoder"] == inspect.getsource(json.decoder)
    assert texts["inspect"] == inspect.getsource(inspect)


def test_whole_library_is_sorted_parsable_and_without_tests_or_installed_packages():
    texts = standard_library_text()
    assert list(texts) == sorted(texts)
    assert {"argparse", "json", "asyncio.locks", "xml.etree.ElementTree"} <= set(texts)
    parts = {part for name in texts for part in name.split(".")}
    assert parts.isdisjoint({"test", "tests", "site-packages", "numpy", "idlelib", "lib2to3", "encodings"})
    for name in list(texts)[::20]:
        ast.parse(texts[name])


def test_library_digest_is_fixed():
    assert standard_library_digest() == standard_library_digest()
    assert len(standard_library_digest()) == 64


def test_unknown_module_is_named():
    with pytest.raises(KeyError, match="no_such_module"):
        standard_library_text(["ast", "no_such_module"])


def test_digits_split_is_fixed_and_complete():
    from sklearn.datasets import load_digits

    found = digits(scaling="unit")
    assert found.x_train.shape == (1257, 64)
    assert found.x_test.shape == (540, 64)
    everything = np.concatenate([found.x_train, found.x_test]) * 16
    original = load_digits()
    assert sorted(map(tuple, everything)) == sorted(map(tuple, original.data))
    by_image = {tuple(image): label for image, label in zip(original.data, original.target, strict=True)}
    assert all(by_image[tuple(image * 16)] == label for image, label in zip(found.x_test, found.y_test, strict=True))
    smaller = digits(1000, scaling="unit")
    np.testing.assert_array_equal(smaller.x_train, found.x_train[:1000])
    np.testing.assert_array_equal(np.bincount(found.y_train) > 100, True)


def test_digits_scalings():
    unit, signed, standardised = (digits(1000, scaling) for scaling in DIGITS_SCALINGS)
    np.testing.assert_allclose(signed.x_test, 2 * unit.x_test - 1)
    np.testing.assert_allclose(standardised.x_train.mean(axis=0), 0, atol=1e-12)
    varies = unit.x_train.std(axis=0) > 0
    np.testing.assert_allclose(standardised.x_train.std(axis=0), varies)
    assert not standardised.x_test[:, ~varies].any()


@pytest.mark.parametrize(("arguments", "message"), [((0,), "n_train"), ((1797,), "n_train"), ((100, "z"), "scaling")])
def test_digits_refuses_what_it_cannot_give(arguments, message):
    with pytest.raises(ValueError, match=message):
        digits(*arguments)
