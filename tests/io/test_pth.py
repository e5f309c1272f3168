"""load_pth: files of torch's, a file made by hand, and files that mean harm."""

from __future__ import annotations

import pickle
import re
import zipfile

import numpy as np
import pytest

from tatamikomi.io import load_pth

# By hand ---------------------------------------------------------------------------------------------------


class Call:
    """Pickled as a call of a name with arguments, whatever the name is."""

    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments


class Id(tuple):
    """Pickled as a persistent id."""


def item(value):
    """Protocol 2, opcode by opcode, of plain values, Call and Id."""
    if isinstance(value, Call):
        module, _, name = value.name.rpartition(".")
        head = f"c{module}\n{name}\n".encode()
        return head if value.arguments == (None,) else head + item(value.arguments) + b"R"
    if isinstance(value, Id):
        return item(tuple(value)) + b"Q"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(item, value)) + b"t"
    if isinstance(value, dict):
        return b"}(" + b"".join(item(one) for pair in value.items() for one in pair) + b"u"
    return pickle.dumps(value, protocol=2)[2:-1]


def name(text):
    return Call(text, None)


def storage(kind="FloatStorage", key="0", count=6):
    return Id(("storage", name(f"torch.{kind}"), key, "cpu", count))


def tensor(shape=(2, 3), strides=(3, 1), offset=0, **where):
    return Call(
        "torch._utils._rebuild_tensor_v2",
        storage(**where),
        offset,
        shape,
        strides,
        False,
        Call("collections.OrderedDict"),
    )


SIX = np.arange(6, dtype="<f4").tobytes()


def write(path, state, entries=(("data/0", SIX),), order=b"little", compression=zipfile.ZIP_STORED):
    data = state if isinstance(state, bytes) else b"\x80\x02" + item(state) + b"."
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("m/data.pkl", data)
        if order is not None:
            archive.writestr("m/byteorder", order)
        for entry, content in entries:
            archive.writestr(f"m/{entry}", content)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.pth"


def test_strides_offsets_and_shared_storages(path):
    state = {
        "whole": tensor(),
        "turned": tensor((3, 2), (1, 3)),
        "part": tensor((2,), (2,), 1),
        "none": tensor((0, 4), (4, 1)),
        "one": tensor((), (), 5),
    }
    found = load_pth(write(path, state, order=None))
    whole = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert list(found) == list(state)
    for key, expected in {
        "whole": whole,
        "turned": whole.T,
        "part": whole.ravel()[1:4:2],
        "one": np.float32(5),
    }.items():
        assert np.array_equal(found[key], expected), key
        assert found[key].dtype == np.float32
        assert found[key].shape == np.shape(expected)
    assert found["none"].shape == (0, 4)
    found["whole"][0, 1] = 9
    assert found["turned"][1, 0] == found["part"][0] == 9


@pytest.mark.parametrize(
    ("kind", "values", "dtype"),
    [
        ("DoubleStorage", np.array([1.5, -2]), "f8"),
        ("HalfStorage", np.array([1.5, -2], np.float16), "f4"),
        ("BFloat16Storage", np.array([0x3FC0, 0xC000], np.uint16), "f4"),
        ("LongStorage", np.array([1 << 40, -1]), "i8"),
        ("CharStorage", np.array([1, -1], np.int8), "i1"),
        ("BoolStorage", np.array([True, False]), "?"),
        ("ComplexFloatStorage", np.array([1j, 2], np.complex64), "c8"),
    ],
)
@pytest.mark.parametrize("order", ["little", "big"])
def test_dtypes_and_byte_orders(path, kind, values, dtype, order):
    stored = values.astype(values.dtype.newbyteorder("<" if order == "little" else ">"))
    entries = [("data/k", stored.tobytes())]
    found = load_pth(write(path, {"x": tensor((2,), (1,), kind=kind, key="k", count=2)}, entries, order.encode()))["x"]
    assert found.dtype == np.dtype(dtype)
    assert found.tolist() == ([1.5, -2] if kind == "BFloat16Storage" else values.tolist())


def test_a_key_leads_into_a_checkpoint(path):
    write(path, {"epoch": 3, "model": {"ema": {"w": tensor()}}, "args": (1.5, "x", None, True)})
    assert load_pth(path, ("model", "ema"))["w"].shape == (2, 3)
    for key, message in [
        (None, "no state dict, names to tensors alone: give its key; dicts are at model"),
        ("model", "no state dict at 'model', .*; dicts are at ema"),
        ("epoch", "no state dict at 'epoch', .*; it is of type int"),
        ("ema", "no entry 'ema'; dicts are at model"),
    ]:
        with pytest.raises(ValueError, match=message):
            load_pth(path, key)

    with pytest.raises(TypeError, match="load_pth: key: expected a string or several, got 3"):
        load_pth(path, 3)


# Hostile ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Call("posix.system", "touch /tmp/tatamikomi-was-here"), "the name 'posix.system'"),
        (Call("torch.nn.Linear", 1, 1), "the name 'torch.nn.Linear'"),
        (Call("torch._utils.eval", "1"), "the name 'torch._utils.eval'"),
        (Call("torch.FloatStorage", 1), "a call of 'torch.FloatStorage'"),
        (Call("collections.OrderedDict", ((1, 2),)), "a broken pickle: TypeError"),
        (Id(("module", "x")), "a persistent id that names no storage"),
        (tensor((3, 3), (3, 1)), "shape \\(3, 3\\), strides \\(3, 1\\) and offset 0 in a storage of 6"),
        (tensor((3, 3), (0, 0)), "shape \\(3, 3\\), strides \\(0, 0\\)"),
        (tensor((2, 3), (3, 1), 1), "offset 1 in a storage of 6"),
        (tensor((0, 1 << 60), (1, 1)), "a tensor of shape \\(0, 1152921504606846976\\)"),
        (tensor((-2, 3), (3, 1)), "a tensor whose storage or sizes are none"),
        (tensor((2, 3), (-3, 1)), "a tensor whose storage or sizes are none"),
        (tensor((2, 3), (1,)), "a tensor of 2 sizes and 1 strides"),
        (tensor((2, 3), (3, 1), count=7), "'w': storage '0' has 24 bytes, 7 x 4 expected"),
        (tensor((2,), (1,), kind="DoubleStorage", count=1 << 40), "'w': storage '0' has 24 bytes"),
        (tensor((2, 3), (3, 1), key="../../etc/passwd"), "'w': storage '../../etc/passwd' has no bytes"),
        (tensor((2, 3), (3, 1), kind="QInt8Storage"), "the name 'torch.QInt8Storage'"),
    ],
)
def test_what_is_refused(path, value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*{message}"):
        load_pth(write(path, {"w": value}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x80\x02}q\x00(X\x01\x00\x00\x00a", "pickle exhausted before seeing STOP"),
        (b"\x80\x02}u.", "broken pickle: IndexError"),
        (b"\x80\x02h\x07.", "broken pickle: KeyError"),
        (b"\x80\x02})R.", "broken pickle: TypeError"),
        (b"\x80\x02}]K\x01s.", "broken pickle: TypeError"),
        (b"\x80\x02" + b")" + b"\x85" * 200_000 + b"q\x00}h\x00K\x01s.", "str expected, got tuple"),  # as a key
        (b"\x80\x02(cposix\nsystem\no.", "the name 'posix.system'"),
        (b"\x80\x02\x82\x01.", "the opcode EXT1"),
        (b"\x80\x02X\x00\x00\x00\x7fabc.", "expected 2130706432 bytes"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "broken pickle: IndexError"),
        (b"I1\n.", "the opcode INT"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "the name 'posix.system'"),
    ],
)
def test_broken_pickles(path, data, message):
    with pytest.raises(ValueError, match=message):
        load_pth(write(path, data))


def test_other_containers(path):
    def refused(message):
        with pytest.raises(ValueError, match=message):
            load_pth(path)

    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + b"...")
    refused("the format before torch 1.6")
    path.write_bytes(b"no zip")
    refused("not a zip archive")
    whole = write(path, {"w": tensor()}).read_bytes()
    path.write_bytes(whole[:-30])
    refused("broken archive")
    path.write_bytes(whole.replace(SIX, SIX[::-1]))
    refused("broken archive: Bad CRC-32")
    write(path, {"w": tensor()}, compression=zipfile.ZIP_DEFLATED)
    refused("'m/data.pkl' is compressed")
    write(path, {"w": tensor()}, order=b"middle")
    refused("byteorder b'middle'")
    write(path, {"w": tensor()}, [("data/0", SIX), ("../n/data.pkl", b"")])
    assert load_pth(path)["w"].shape == (2, 3)
    write(path, {"v": tensor(), "w": tensor(kind="IntStorage")})
    refused("'w': storage '0' is .*FloatStorage.* elsewhere")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/version", b"3")
    refused("0 entries NAME/data.pkl")
    with pytest.warns(UserWarning, match="Duplicate name"):
        write(path, {"w": tensor()}, [("data/0", SIX)] * 2)
    refused("two entries of one name")


def test_entries_that_overlap(path):
    """Two entries of the directory lead to one place in the file: many such make a small file large."""
    write(path, {"w": tensor()}, [("data/0", SIX), ("data/1", SIX)])
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    for entry in (b"m/data/0", b"m/data/1"):
        at = data.index(entry, directory) - 46 + 42
        data[at : at + 4] = data.index(b"PK\x03\x04", 100).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"'m/.*' reaches into what follows it"):
        load_pth(path)


# torch's ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 4])
def test_files_of_torch(path, protocol):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    base = torch.arange(24.0).reshape(2, 3, 4)
    state = net.state_dict()
    state["parameter"] = torch.nn.Parameter(base[1].T)
    state["half"], state["bfloat"] = base.half(), base.bfloat16() / 3
    state["one"], state["none"] = torch.tensor(3), torch.empty(0, 2)
    state["bool"], state["tail"] = base > 5, base.ravel()[7:]
    torch.save({"state_dict": state, "device": torch.device("cpu"), "size": base.shape}, path, pickle_protocol=protocol)
    found = load_pth(path, "state_dict")
    assert list(found) == list(state)
    for key, value in state.items():
        expected = value.detach()
        expected = (expected.float() if expected.dtype in (torch.half, torch.bfloat16) else expected).numpy()
        assert found[key].dtype == expected.dtype, key
        assert np.array_equal(found[key], expected), key
    torch.save(net, path)
    with pytest.raises(ValueError, match=r"the name 'torch.nn.modules.container.Sequential'.*state_dict"):
        load_pth(path)
    torch.save(state, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"before torch 1\.6"):
        load_pth(path)
