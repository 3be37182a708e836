"""The seeds of killed stories: one for a whole run, told at its head and in each test's name."""

import re
import subprocess
import sys

from tests.test_conventions import ROOT

POINTS = "tests/scenarios/test_kill_points.py"


def collected(*options: str) -> str:
    words = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", *options]
    done = subprocess.run([*words, POINTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_without_a_wish_one_seed_is_drawn_and_told() -> None:
    said = collected()
    told = re.findall(r"^killing seed: (\d+)$", said, re.MULTILINE)
    assert len(told) == 1
    assert set(re.findall(r"\[seed(\d+)", said)) == set(told)


def test_rounds_are_played_one_after_the_other_each_with_its_own_seed() -> None:
    said = collected("--killing-seed", "41", "--killing-rounds", "2")
    assert "killing seeds: 41 to 42" in said
    seeds = re.findall(r"\[seed(\d+)", said)
    assert seeds == sorted(seeds)
    names = [re.findall(rf"<Coroutine (\w+)\[seed{seed}(.*)\]>", said) for seed in (41, 42)]
    assert names[0] == names[1]
    assert len(names[0]) == len(seeds) / 2 > 40
