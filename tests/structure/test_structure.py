"""The house is built as its plan says: every kernel on every floor, floors that look down only, no public name bare."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from tests.op_specs import SPECS

import tatamikomi as tk
from tatamikomi import _native, geometry
from tatamikomi.functional.inputs import own_names
from tatamikomi.kernels import native, reference

PACKAGE = Path(tk.__file__).parent
# Those that compute: others tell sizes of workspace and names of algorithms.
KERNELS = [name for name in _native.kernel_names() if not name.endswith(("_workspace", "_algorithm"))]

# From the ground up; rooms on one floor know nothing of each other. A module outside of any room is its own floor.
FLOORS = [
    {"_native", "_version", "errors"},
    {"geometry", "random"},
    {"io"},
    {"kernels"},
    {"autograd"},
    {"functional"},
    {"nn", "optim"},
    {"data", "metrics"},
    {"models", "training"},
    {"course", "estimators", "interpret"},
    {"cli"},
]
TAPE = {
    *("Function", "GradcheckError", "Parameter", "Tensor", "as_tensor", "backward", "enable_grad", "from_dlpack"),
    *("grad", "gradcheck", "gradgradcheck", "is_grad_enabled", "no_grad", "set_grad_enabled", "tensor"),
}


def modules():
    """(dotted name, path) of every module of the installed package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(("tatamikomi", *parts[: -1 if parts[-1] == "__init__" else None])), path


MODULES = [pytest.param(name, path, id=name) for name, path in modules()]


def test_kernels_were_found():
    assert len(KERNELS) == len(set(KERNELS)) >= 20
    assert len(MODULES) > 40


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_is_on_every_floor(name):
    assert callable(getattr(_native, name, None)), f"{name}: no binding in cpp/bindings"
    assert callable(getattr(native, name, None)), f"{name}: not in kernels/native.py"
    assert callable(getattr(reference, name, None)), f"{name}: no function in kernels/reference"
    assert name in tk.kernels.__all__, f"{name}: no checked face in kernels"
    assert callable(getattr(tk.kernels, name, None))
    covering = [spec.name for spec in SPECS for one in spec.directions if one.name == name and spec.kind == "kernel"]
    assert len(covering) == 1, f"{name}: wants one OpSpec of kind kernel, has {covering}"


@pytest.mark.parametrize("name", KERNELS)
def test_twins_take_the_same_arguments(name):
    """_native's signature is its docstring's first line: name(argument: type, ...) -> None."""
    line = getattr(_native, name).__doc__.splitlines()[0]
    tree = ast.parse(f"def {line.replace('->', '->', 1)}: ...").body[0]
    ours = [argument.arg for argument in tree.args.args]
    theirs = list(inspect.signature(getattr(reference, name)).parameters)
    assert len(ours) == len(theirs), f"{name}: _native takes {ours}, the reference {theirs}"
    for one, other in zip(ours, theirs, strict=True):
        assert one == other or {one, other} == {"shape", "s"}, f"{name}: _native takes {ours}, the reference {theirs}"


def test_no_spec_covers_a_kernel_that_does_not_exist():
    for spec in SPECS:
        if spec.kind == "kernel":
            assert {one.name for one in spec.directions} <= set(KERNELS), spec.name


def test_specs_have_names_of_their_own():
    names = [spec.name for spec in SPECS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("spec", [pytest.param(spec, id=spec.name) for spec in SPECS])
def test_every_spec_says_something(spec):
    assert spec.directions
    for direction in spec.directions:
        assert direction.samples, f"{direction.name}: no samples"
        labels = [sample.label for sample in direction.samples]
        assert len(labels) == len(set(labels)), f"{direction.name}: labels are not unique"
        assert not all(sample.big for sample in direction.samples), (
            f"{direction.name}: no sample has its values checked"
        )
    if spec.kind == "kernel":
        assert any(sample.big for one in spec.directions for sample in one.samples), f"{spec.name}: no big sample"
        assert spec.errors, f"{spec.name}: no error is tested"
        assert spec.gradients or not spec.functional, f"{spec.name}: no gradient is tested"


FUNCTIONAL = [(tk.functional, name) for name in tk.functional.__all__] + [
    (tk.autograd, name) for name in tk.autograd.__all__ if name not in TAPE
]


@pytest.mark.parametrize(("module", "name"), [pytest.param(*one, id=one[1]) for one in FUNCTIONAL])
def test_every_operation_has_a_spec(module, name):
    assert name in {one for spec in SPECS for one in spec.functional}, f"{module.__name__}.{name} has no OpSpec"


@pytest.mark.parametrize("name", tk.functional.__all__)
def test_every_function_speaks_of_itself(name):
    """An error that a kernel finds would name the kernel: `@own_names()` translates it."""
    function = getattr(tk.functional, name)
    assert function.__code__ is own_names()(function).__code__, f"functional.{name} lacks @own_names()"


def test_specs_name_operations_that_exist():
    known = {name for _, name in FUNCTIONAL}
    for spec in SPECS:
        assert set(spec.functional) <= known, spec.name


PUBLIC_FACES = [(tk.functional, name) for name in tk.functional.__all__] + [(tk.kernels, name) for name in KERNELS]


@pytest.mark.parametrize(
    ("module", "name"), [pytest.param(*one, id=f"{one[0].__name__}.{one[1]}") for one in PUBLIC_FACES]
)
def test_every_operation_shows_an_example(module, name):
    text = getattr(module, name).__doc__
    assert text, "no docstring"
    assert doctest.DocTestParser().get_examples(text), "no example"


def test_shape_structs_have_the_same_fields_in_python_and_in_cpp():
    structs = _native.shape_fields()
    assert structs
    for name, fields in structs.items():
        assert list(getattr(geometry, name)._fields) == list(fields), name
    ours = {name for name, value in vars(geometry).items() if inspect.isclass(value) and name.endswith("Shape")}
    assert ours == set(structs)


def room(name):
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def imported(name, path):
    """(room, line) of everything of the package that a module imports, wherever in it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, *([node.module] if node.module else [])])
            found = [f"{base}.{alias.name}" for alias in node.names] if base == "tatamikomi" else [base]
        else:
            continue
        for one in found:
            if one.startswith("tatamikomi.") and room(one) in set().union(*FLOORS):
                yield room(one), node.lineno


@pytest.mark.parametrize(("name", "path"), MODULES)
def test_floors_import_from_floors_below(name, path):
    here = room(name)
    if here in ("", "__main__"):
        return  # the front door
    level = next((i for i, floor in enumerate(FLOORS) if here in floor), None)
    assert level is not None, f"{here} stands on no floor: add it to FLOORS"
    below = set().union(*FLOORS[:level], {here})
    for other, line in imported(name, path):
        assert other in below, f"{path.name}:{line}: {here} must not import {other}"


@pytest.mark.parametrize(("name", "path"), MODULES)
def test_no_room_looks_into_the_front_door(name, path):
    """`tatamikomi` itself opens every room: what several need lies in a module of its own."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert "tatamikomi" not in [alias.name for alias in node.names], f"{path.name}:{node.lineno}"
        elif isinstance(node, ast.ImportFrom) and node.module == "tatamikomi":
            strangers = {alias.name for alias in node.names} - set().union(*FLOORS)
            assert not strangers, f"{path.name}:{node.lineno}: {strangers} of the package itself"


@pytest.mark.parametrize(
    ("name", "path"), [one for one in MODULES if one.values[0].startswith("tatamikomi.kernels.reference")]
)
def test_backends_never_look_up(name, path):
    """The reference sees NumPy, integers and itself."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tatamikomi"):
            assert node.module.startswith(
                ("tatamikomi.geometry", "tatamikomi.random", "tatamikomi.kernels.reference")
            ), f"{path.name}:{node.lineno}: {node.module}"


@pytest.mark.parametrize(("name", "path"), MODULES)
def test_every_public_name_has_a_docstring(name, path):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    for attribute, value in vars(module).items():
        if attribute.startswith("_") or getattr(value, "__module__", None) != name:
            continue
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__doc__, f"{name}.{attribute} has no docstring"
        if inspect.isclass(value):
            for member, function in vars(value).items():
                if issubclass(value, tk.autograd.Function) and member in ("forward", "backward"):
                    continue  # Function says what they are
                if inspect.isfunction(function) and not member.startswith("_"):
                    documented = inspect.getdoc(getattr(value, member))
                    assert documented, f"{name}.{attribute}.{member} has no docstring"


@pytest.mark.parametrize(("name", "path"), MODULES)
def test_all_lists_what_exists(name, path):
    module = importlib.import_module(name)
    for one in getattr(module, "__all__", ()):
        assert hasattr(module, one), f"{name}.__all__ lists {one}"


def test_no_module_is_left_out():
    """What pkgutil finds in the installed package is what was walked through above."""
    found = {
        info.name for info in pkgutil.walk_packages(tk.__path__, "tatamikomi.") if not info.name.endswith("_native")
    }
    assert found == {name for name, _ in modules()} - {"tatamikomi"}
