"""`course list`, `course run NAME` and `course all`."""

from __future__ import annotations

import argparse
import os
from typing import Any

from tatamikomi.cli import machine
from tatamikomi.cli.options import bad_option

DEFAULT_OUT = os.path.join("runs", "course")
SUMMARY = "summary.json"


def add_list(commands: Any, name: str) -> None:
    """`course list`."""
    summary = "List the experiments and the rows of the course's index that they cover."
    commands.add_parser(name, help=summary, description=summary).set_defaults(call=_list)


def add_run(commands: Any, name: str) -> None:
    """`course run NAME`."""
    summary = "Do one experiment: tables beside the course's figures, pictures, JSON, and what it is held to."
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("name", metavar="NAME", help="see `tatamikomi course list`")
    _options(parser)
    parser.set_defaults(call=_run)


def add_all(commands: Any, name: str) -> None:
    """`course all`."""
    summary = "Do every experiment, one after another."
    parser = commands.add_parser(name, help=summary, description=summary)
    _options(parser)
    parser.set_defaults(call=_all)


def _options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data", metavar="NAME", default="bundled", help="bundled, fashion-mnist or a folder of IDX files of 28 x 28")
    add("--quick", action="store_true", help="seconds instead of minutes: fewer steps, fewer repetitions")
    add("--out", metavar="DIR", default=DEFAULT_OUT, help=f"results go to DIR/EXPERIMENT; default: {DEFAULT_OUT}")
    add("--seed", type=int, metavar="N", default=1, help="decides everything random; default: 1")
    machine.add_arguments(parser)


def _list(args: argparse.Namespace) -> int:
    from tatamikomi.course.experiments import experiments

    width = max(len(one.name) for one in experiments())
    for one in experiments():
        print(f"{one.name:{width}}  {one.title}\n{'':{width}}  [{one.rows}]")
    return 0


def _do(args: argparse.Namespace, name: str) -> dict[str, Any]:
    from tatamikomi.course import experiments

    form, out = "quick" if args.quick else "full", os.path.join(args.out, name)
    result = experiments.run(name, data=args.data, form=form, seed=args.seed, out=out)
    print(f"{result['seconds']:.1f} s; wrote {', '.join(['results.json', *result['figures']])} to {out}\n", flush=True)
    return result


def _prepare(args: argparse.Namespace) -> None:
    from tatamikomi import kernels

    if not 0 <= args.seed < 2**63:
        raise bad_option("--seed", args.seed, "0 <= seed < 2**63")
    machine.use(args.backend or kernels.get_backend(), args.threads)


def _run(args: argparse.Namespace) -> int:
    from tatamikomi.cli.options import unknown_option
    from tatamikomi.course.experiments import experiments

    names = [one.name for one in experiments()]
    if args.name not in names:
        raise unknown_option("NAME", args.name, names)
    _prepare(args)
    _do(args, args.name)
    return 0


def _all(args: argparse.Namespace) -> int:
    from tatamikomi import io
    from tatamikomi.course.experiments import experiments

    _prepare(args)
    results = [_do(args, one.name) for one in experiments()]
    statements = [{"experiment": one["experiment"], **held} for one in results for held in one["acceptance"]]
    seconds = round(sum(one["seconds"] for one in results), 1)
    io.write_json(os.path.join(args.out, SUMMARY), {"seconds": seconds, "acceptance": statements})
    counts = {mark: sum(held["reached"] is mark for held in statements) for mark in (True, False, None)}
    told = sum(held["reached"] == "explained" for held in statements)
    print(
        f"{len(results)} experiments in {seconds} s: {len(statements)} statements, {counts[True]} reached, {told} not "
        f"reached and explained, {counts[False]} not reached, {counts[None]} not stated for this data; wrote {SUMMARY}"
    )
    for held in statements:
        if held["reached"] is False or held["reached"] == "explained":
            print(f"  {held['experiment']}: {held['row']}: {held['statement']} ({held['measured']})")
    return 0
