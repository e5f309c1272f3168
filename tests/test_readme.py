"""The README's first block is the two commands, and its Python runs; the Japanese one has the same code and links."""

from __future__ import annotations

import re

from tests.test_docs import ROOT, links, run_blocks

README, JAPANESE = ROOT / "README.md", ROOT / "README.ja.md"


def test_first_block_is_the_two_commands():
    found = re.search(r"^```\w*\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    assert found[1].splitlines() == ["pip install . && tatamikomi train", 'pip install ".[test]" && pytest']


def test_python_blocks_run(monkeypatch, tmp_path, capsys):
    names = run_blocks(README, monkeypatch, tmp_path)
    assert (tmp_path / "lenet5.safetensors").stat().st_size > 4 * 61706
    printed = capsys.readouterr().out
    # Guessing gives 0.1 of 1,000 test digits, with a standard deviation of 0.0095: ten of those are no luck.
    assert float(re.search(r"'accuracy': ([0-9.]+)", printed)[1]) > 0.1 + 10 * 0.0095
    assert names["x"].grad.shape == (1, 1, 5, 5)


def test_the_japanese_readme_has_the_same_code_and_links():
    english, japanese = (path.read_text(encoding="utf-8") for path in (README, JAPANESE))
    blocks = [
        re.findall(r"^```.*?^```|(?:^    [^\n]*\n)+", text, re.MULTILINE | re.DOTALL) for text in (english, japanese)
    ]
    assert len(blocks[0]) >= 4
    assert blocks[0] == blocks[1]
    assert set(links(english)) - {"README.ja.md"} <= set(links(japanese))
    heads = [len(re.findall(r"^## ", text, re.MULTILINE)) for text in (english, japanese)]
    assert heads[0] == heads[1]
