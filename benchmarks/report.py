"""Turn the newest results into tables and plots: `python benchmarks/report.py [--check]`.

Reads `benchmarks/results/*.json`, takes of each condition the newest result, and writes what stands between the marks
in `benchmarks/README.md` and `README.md`, and the plot `benchmarks/plots/growth.svg`. `--check` only says whether the
tables are what the results give (exit code 1 if not).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
PLOTS = HERE / "plots"
Result = dict[str, Any]

TARGETS = (
    # what, group, condition, how to read it, target, unit
    ("cold `smsearch ask`, five posts", "cold", "smsearch ask", "wall_s", "<= 0.45", "s"),
    ("`smsearch --help`", "start", "smsearch --help", "wall_s", "<= 0.15", "s"),
    ("`import smsearch`, beyond Python itself", "start", "import smsearch", "over_python", "<= 0.05", "s"),
    ("cold `smsearch ask`, 1M passages", "scale", "1,000,000 passages", "cold_s", "<= 1.0", "s"),
    ("1M passages built from text", "scale", "1,000,000 passages", "build_s", "<= 360", "s"),
    ("peak memory of that, all processes", "scale", "1,000,000 passages", "build_mb", "<= 2000", "MB"),
    ("one more post to 1M, then a question", "scale", "1,000,000 passages", "add_and_ask", "<= 1", "s"),
    ("files written anew by that", "scale", "1,000,000 passages", "rewritten_bytes", "<= 0", "bytes"),
    ("dense query at 1M, vectors alone, p50", "scale", "1,000,000 passages", "vectors_all_ms.p50", "<= 3", "ms"),
    ("the same, p95", "scale", "1,000,000 passages", "vectors_all_ms.p95", "<= 8", "ms"),
    ("its recall@10 of exact", "scale", "1,000,000 passages", "recall_all", ">= 0.98", ""),
    (
        "exact query at 1M, times the reading of the vectors",
        "scale",
        "1,000,000 passages",
        "exact_ratio",
        "<= 1.3",
        "x",
    ),
    ("hybrid query at 1M with its hits, p50", "scale", "1,000,000 passages", "hybrid_ms.p50", "<= 15", "ms"),
    ("the same, p95", "scale", "1,000,000 passages", "hybrid_ms.p95", "<= 40", "ms"),
    (
        "hybrid query at 1M that was not asked before, p50",
        "scale",
        "1,000,000 passages",
        "hybrid_new_ms.p50",
        "<= 15",
        "ms",
    ),
    ("the same, p95", "scale", "1,000,000 passages", "hybrid_new_ms.p95", "<= 40", "ms"),
    ("filter to one language (a tenth), times unfiltered", "scale", "1,000,000 passages", "lang_ratio", "<= 1.5", "x"),
    ("its recall@10", "scale", "1,000,000 passages", "recall_lang_sv", ">= 0.98", ""),
    ("filter to 14 rows, times unfiltered", "scale", "1,000,000 passages", "rare_ratio", "<= 1.5", "x"),
    ("hits of it, of 14 that exist", "scale", "1,000,000 passages", "filter_rare_hits_of_20", ">= 14", ""),
    ("1,000 vector queries at once, times one by one", "scale", "1,000,000 passages", "batch_ratio", ">= 5", "x"),
    ("disk beside the text", "scale", "1,000,000 passages", "disk_per_passage", "<= 700", "bytes/passage"),
    ("resident while answering at 1M", "scale", "1,000,000 passages", "resident_mb", "<= 350", "MB"),
)


def newest() -> tuple[dict[tuple[str, str], Result], dict[str, Any]]:
    """The newest result of each condition, with the conditions it was taken under, and the newest conditions.

    A run that left a condition out does not hide an earlier one that measured it.
    """
    found: dict[tuple[str, str], Result] = {}
    about: dict[str, Any] = {}
    taken = [json.loads(path.read_text("utf-8")) for path in (HERE / "results").glob("*.json")]
    for data in sorted(taken, key=lambda each: str(each["conditions"]["date"])):
        about = data["conditions"]
        for result in data["results"]:
            key = result["group"], result["name"]
            if result["runs"] or key not in found:
                found[key] = result | {"about": about}
    return found, about


def figure(found: dict[tuple[str, str], Result], group: str, name: str, key: str) -> float | None:
    """A figure of a condition, the median of its repetitions."""
    result = found.get((group, name))
    if result is None or not result["runs"]:
        return None
    values = [value for run in result["runs"] if (value := derived(found, run, key)) is not None]
    return statistics.median(values) if values else None


def derived(found: dict[tuple[str, str], Result], run: Result, key: str) -> float | None:
    """A figure as it was printed, or one made of those."""
    made = {
        "over_python": lambda: run["wall_s"] - (figure(found, "start", "python", "wall_s") or 0),
        "add_and_ask": lambda: run["add_one_s"] + run["ask_after_s"],
        "exact_ratio": lambda: run["exact_ms"]["p50"] / run["stream_ms"]["p50"],
        "lang_ratio": lambda: run["filter_lang_sv_ms"]["p50"] / run["hybrid_ms"]["p50"],
        "rare_ratio": lambda: run["filter_rare_ms"]["p50"] / run["hybrid_ms"]["p50"],
        "batch_ratio": lambda: run["batch_1000_per_s"] / run["one_by_one_per_s"],
    }
    try:
        if key in made:
            return float(made[key]())
        value: Any = run
        for part in key.split("."):
            value = value[part]
        return float(value)
    except KeyError:
        return None


def shown(value: float | None, unit: str = "") -> str:
    """A figure with three digits that count."""
    if value is None:
        return "not measured"
    if abs(value) >= 100:
        text = f"{value:,.0f}"
    else:
        digits = 3 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
        text = f"{value:.{min(digits, 3)}f}"
    return f"{text} {unit}".strip()


def is_reached(value: float, target: str) -> bool:
    """Whether a figure meets `<= x` or `>= x`."""
    sign, limit = target.split()
    return value <= float(limit) if sign == "<=" else value >= float(limit)


def target_table(found: dict[tuple[str, str], Result]) -> list[str]:
    """What was to be reached, and what was measured."""
    lines = ["| what | target | measured | |", "|---|--:|--:|---|"]
    for what, group, name, key, target, unit in TARGETS:
        value = figure(found, group, name, key)
        verdict = "" if value is None else "reached" if is_reached(value, target) else "**missed**"
        lines.append(
            f"| {what} | {target.replace('<=', '≤').replace('>=', '≥')} {unit} | {shown(value, unit)} | {verdict} |"
        )
    return lines


def peer_tables(found: dict[tuple[str, str], Result]) -> list[str]:
    """Each group with peers: ours first, and how many times slower or larger the others are."""
    lines: list[str] = []
    for group, title, columns in (
        ("cold", "A question from a cold start, five posts", (("wall_s", "time", "s", -1),)),
        ("encoding", "Encoding, one core", (("passages_per_s", "passages/s", "", 1),)),
        (
            "store",
            "10,000 passages: build, then warm queries for ten hits (median)",
            (
                ("build_s", "build", "s", -1),
                ("dense_ms.p50", "dense", "ms", -1),
                ("lexical_ms.p50", "lexical", "ms", -1),
                ("hybrid_ms.p50", "hybrid", "ms", -1),
                ("disk_bytes", "disk", "bytes", -1),
            ),
        ),
    ):
        names = [name for of, name in found if of == group]
        if not names:
            continue
        lines += ["", f"### {title}", "", "| | " + " | ".join(column[1] for column in columns) + " |"]
        lines.append("|---|" + "--:|" * len(columns))
        for name in names:
            if "skipped" in found[group, name]:
                lines.append(
                    f"| {name} | " + " | ".join(["not run"] * len(columns)) + f" | {found[group, name]['skipped']}"
                )
                continue
            cells = []
            for key, _, unit, sign in columns:
                value, ours = figure(found, group, name, key), figure(found, group, names[0], key)
                ratio = ""
                if value and ours and name != names[0]:
                    ratio = f" ({shown(ours / value if sign > 0 else value / ours)}x)"
                cells.append("-" if value is None else shown(value, unit) + ratio)
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def scale_table(found: dict[tuple[str, str], Result]) -> list[str]:
    """Each size of the scale corpus."""
    rows = (
        ("build", "build_s", "s"),
        ("peak memory of the build", "build_mb", "MB"),
        ("disk beside the text, a passage", "disk_per_passage", "bytes"),
        ("one more post", "add_one_s", "s"),
        ("cold question", "cold_s", "s"),
        ("hybrid, p50", "hybrid_ms.p50", "ms"),
        ("hybrid, p95", "hybrid_ms.p95", "ms"),
        ("hybrid, not asked before, p50", "hybrid_new_ms.p50", "ms"),
        ("hybrid, not asked before, p95", "hybrid_new_ms.p95", "ms"),
        ("dense with hits, p50", "dense_ms.p50", "ms"),
        ("lexical with hits, p50", "lexical_ms.p50", "ms"),
        ("vectors alone, p50", "vectors_all_ms.p50", "ms"),
        ("vectors alone, exact, p50", "exact_ms.p50", "ms"),
        ("recall@10", "recall_all", ""),
        ("filter to a tenth, p50", "filter_lang_sv_ms.p50", "ms"),
        ("filter to 14 rows, p50", "filter_rare_ms.p50", "ms"),
        ("resident while answering", "resident_mb", "MB"),
    )
    names = [name for group, name in found if group == "scale" and found[group, name]["runs"]]
    names.sort(key=lambda name: int(name.split()[0].replace(",", "")))
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    for what, key, unit in rows:
        lines.append(
            f"| {what} | " + " | ".join(shown(figure(found, "scale", name, key), unit) for name in names) + " |"
        )
    return lines


def language_lines(found: dict[tuple[str, str], Result]) -> list[str]:
    """Recall of the clusters against the exact search by the language of the query, at the largest size."""
    results = [result for (group, _), result in found.items() if group == "scale" and result["runs"]]
    results = [result for result in results if "recall_by_lang" in result["runs"][0]]
    if not results:
        return []
    largest = max(results, key=lambda result: result["runs"][0]["n"])
    by_lang = largest["runs"][0]["recall_by_lang"]
    listed = ", ".join(f"{lang} {recall:.2f}" for lang, recall in sorted(by_lang.items(), key=lambda pair: pair[1]))
    return ["", f"Recall@10 of the vector search by the language of the query, {largest['name']}: {listed}."]


def growth(found: dict[tuple[str, str], Result]) -> list[tuple[str, list[tuple[float, float]], float]]:
    """For the plot: what, the points, and the slope between the two largest sizes."""
    curves = []
    for what, key in (
        ("build (s)", "build_s"),
        ("hybrid query (ms)", "hybrid_ms.p50"),
        ("vectors alone (ms)", "vectors_all_ms.p50"),
        ("exact vectors (ms)", "exact_ms.p50"),
        ("peak memory of the build (MB)", "build_mb"),
        ("disk (MB)", "disk_bytes"),
    ):
        points = []
        for group, name in found:
            value = figure(found, group, name, key) if group == "scale" else None
            if value:
                points.append((float(name.split()[0].replace(",", "")), value / 1e6 if key == "disk_bytes" else value))
        points.sort()
        if len(points) > 1:
            (x0, y0), (x1, y1) = points[-2:]
            curves.append((what, points, math.log(y1 / y0) / math.log(x1 / x0)))
    return curves


def draw(curves: list[tuple[str, list[tuple[float, float]], float]]) -> None:
    """The plot of growth, both axes logarithmic."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "smsearch"
    from matplotlib import pyplot as plt

    figure_, axes = plt.subplots(figsize=(8, 5))
    for what, points, slope in curves:
        axes.loglog(*zip(*points, strict=True), marker="o", label=f"{what}, slope {slope:.2f}")
    axes.set_xlabel("passages")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1))
    PLOTS.mkdir(exist_ok=True)
    figure_.savefig(
        PLOTS / "growth.svg",
        metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        bbox_inches="tight",
    )


def page(found: dict[tuple[str, str], Result], about: dict[str, Any]) -> list[str]:
    """All that is generated in benchmarks/README.md."""
    curves = growth(found)
    taken: dict[str, list[str]] = {}
    for (group, _), result in found.items():
        taken.setdefault(result["about"]["commit"], []).append(group)
    commits = "; ".join(f"{', '.join(dict.fromkeys(groups))} at commit {commit}" for commit, groups in taken.items())
    return [
        f"{about['processor']}, {about['cores']} cores, {about['memory_gb']:.0f} GB, {about['system']}, Python "
        f"{about['python']}, {about['date'].partition('T')[0]}; {commits}. Medians of repetitions taken in turns.",
        "",
        "### What was to be reached",
        "",
        *target_table(found),
        *peer_tables(found),
        "",
        "### By size",
        "",
        *scale_table(found),
        *language_lines(found),
        "",
        "![growth](plots/growth.svg)",
        "",
        "Slopes between the two largest sizes (1 is proportional): "
        + ", ".join(f"{what.partition(' (')[0]} {slope:.2f}" for what, _, slope in curves)
        + ".",
    ]


def summary(found: dict[tuple[str, str], Result]) -> list[str]:
    """What README.md takes from here."""
    cold, script, txtai = (
        figure(found, "cold", name, "wall_s") for name in ("smsearch ask", "sentence-transformers + FAISS", "txtai")
    )
    ours, same, mini = (
        figure(found, "encoding", name, "passages_per_s")
        for name in ("smsearch, built-in", "model2vec, the same table", "all-MiniLM-L6-v2")
    )
    lines = ["| measure | figure |", "|---|--:|"]
    if cold and script:
        others = f"{script / cold:.1f} times" + (f", txtai {txtai / cold:.1f} times" if txtai else "")
        lines.append(
            "| cold `smsearch ask` over five posts; the script of sentence-transformers + FAISS | "
            f"{cold:.2f} s; {others} |"
        )
    if ours and mini:
        others = f"all-MiniLM-L6-v2 {ours / mini:.0f} times as long" + (
            f", model2vec {ours / same:.1f}" if same else ""
        )
        lines.append(f"| passages of 40 to 120 words encoded on one core | {ours:,.0f}/s; {others} |")
    for name in ("100,000 passages", "1,000,000 passages"):
        parts = [
            shown(figure(found, "scale", name, key), unit)
            for key, unit in (
                ("build_s", "s"),
                ("cold_s", "s"),
                ("hybrid_ms.p50", "ms"),
                ("hybrid_new_ms.p50", "ms"),
                ("add_one_s", "s"),
            )
        ]
        if parts[0] != "not measured":
            lines.append(
                f"| {name}: build; cold question; warm, asked before; warm, new; one more post | {'; '.join(parts)} |"
            )
    return lines


def replaced(path: Path, lines: list[str]) -> str:
    """The text of a file with what stands between its marks replaced."""
    before, _, rest = path.read_text("utf-8").partition("<!-- results -->\n")
    _, mark, after = rest.partition("<!-- end of results -->")
    if not mark:
        raise SystemExit(f"{path} has no marks for the results")
    return before + "<!-- results -->\n" + "\n".join(lines) + "\n" + mark + after


def main() -> None:
    """Write the tables and plots, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    found, about = newest()
    texts = {
        HERE / "README.md": replaced(HERE / "README.md", page(found, about)),
        ROOT / "README.md": replaced(ROOT / "README.md", summary(found)),
    }
    if options.check:
        sys.exit(any(path.read_text("utf-8") != text for path, text in texts.items()))
    for path, text in texts.items():
        path.write_text(text, "utf-8")
    draw(growth(found))


if __name__ == "__main__":
    main()
