"""Rows as they are pasted: the figures, what they are of, and labels that survive Markdown and LaTeX."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tiny_scores import RERANKED, spread, sysu_scores

from mvd.metrics.scores import Scores
from mvd.reporting.rows import annotate, latex_rows, markdown_rows


def _result(protocol: str = "sysu/p", *, trials: int = 2, **fields: Any) -> Scores:
    apart = spread(trials, 0.0061)
    cmc = 0.6002 + apart[:, None] + np.linspace(0, 0.19, 20)
    return sysu_scores(cmc, 0.588 + apart / 2, protocol=protocol, **fields)


def _cells(row: str) -> list[str]:
    """Split a row at the pipes that Markdown splits it at."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def test_markdown_is_a_header_a_row_for_each_result_and_notes() -> None:
    lines = markdown_rows([("best", _result()), ("best", _result(ranking=RERANKED))]).splitlines()
    assert _cells(lines[0]) == ["", "protocol", "rank-1", "rank-10", "rank-20", "mAP", "mINP"]
    assert [len(_cells(line)) for line in lines[:4]] == [7] * 4
    figures = ["60.02 ± 0.61", "69.02 ± 0.61", "79.02 ± 0.61", "58.80 ± 0.30", "100.00 ± 0.00"]
    assert _cells(lines[2]) == ["best", "sysu/p", *figures]
    assert _cells(lines[3]) == ["best re-ranked", "sysu/p", *figures]
    assert lines[4:] == [
        "",
        "- sysu/p: 3803 queries, 2208 with a match, gallery 301, 2 trials",
        f"- re-ranked: {RERANKED}",
        "- in %, mean ± population standard deviation over trials",
    ]


def test_latex_is_a_tabular_with_the_rules_of_booktabs() -> None:
    assert latex_rows([("best", _result()), ("best", _result(trials=1, ranking=RERANKED))]).splitlines() == [
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{llrrrrr}",
        r"\toprule",
        r" & protocol & rank-1 & rank-10 & rank-20 & mAP & mINP \\",
        r"\midrule",
        r"best (1) & sysu/p & $60.02 \pm 0.61$ & $69.02 \pm 0.61$ & $79.02 \pm 0.61$ & $58.80 \pm 0.30$ & "
        r"$100.00 \pm 0.00$ \\",
        r"best re-ranked (2) & sysu/p & $60.02$ & $69.02$ & $79.02$ & $58.80$ & $100.00$ \\",
        r"\bottomrule",
        r"\multicolumn{7}{l}{\footnotesize (1) sysu/p: 3803 queries, 2208 with a match, gallery 301, 2 trials} \\",
        r"\multicolumn{7}{l}{\footnotesize (2) sysu/p: 3803 queries, 2208 with a match, gallery 301, 1 trial} \\",
        r"\multicolumn{7}{l}{\footnotesize re-ranked: cosine + k-reciprocal (k1 20, k2 6, $\lambda$ 0.3)} \\",
        r"\multicolumn{7}{l}{\footnotesize in \%, mean $\pm$ population standard deviation over trials} \\",
        r"\end{tabular}",
    ]


def test_a_single_trial_has_no_deviation_and_no_note_of_one() -> None:
    rows = [("best", _result(trials=1))]
    assert "±" not in markdown_rows(rows)
    assert markdown_rows(rows).endswith("1 trial\n- in %")
    assert "| 60.02 | 69.02 |" in markdown_rows(rows)
    assert r"\pm" not in latex_rows(rows)
    assert r"\footnotesize in \%}" in latex_rows(rows)


@pytest.mark.parametrize(
    ("label", "markdown", "latex"),
    [
        ("no_vcd & 50 %", r"no\_vcd & 50 %", r"no\_vcd \& 50 \%"),
        ("a|b", r"a\|b", r"a\textbar{}b"),
        ("a\\|b", r"a\\\|b", r"a\textbackslash{}\textbar{}b"),
        ("#1 {x} $y$", r"#1 {x} $y$", r"\#1 \{x\} \$y\$"),
        ("~2^3 <b>", r"\~2^3 \<b\>", r"\textasciitilde{}2\textasciicircum{}3 \textless{}b\textgreater{}"),
        ("*[1] `c`", r"\*\[1\] \`c\`", r"{*}{[}1] `c`"),
        ("λ ± 1", "λ ± 1", r"$\lambda$ $\pm$ 1"),
        (" two\nlines\t", "two lines", "two lines"),
    ],
)
def test_labels_and_protocols_stay_what_they_are(label: str, markdown: str, latex: str) -> None:
    rows = [(label, _result(label))]
    assert f"| {markdown} | {markdown} | 60.02 ± 0.61 |" in markdown_rows(rows).splitlines()[2]
    assert f"{latex} & {latex} & $60.02 " in latex_rows(rows).splitlines()[5]


def test_rows_carry_the_number_of_their_note_where_notes_differ() -> None:
    annotated = annotate([("a", _result("p")), ("b", _result("q", gallery=112)), ("c", _result("p", ranking=RERANKED))])
    assert annotated.labels == ["a (1)", "b (2)", "c re-ranked (1)"]
    assert annotated.notes == [
        "(1) p: 3803 queries, 2208 with a match, gallery 301, 2 trials",
        "(2) q: 3803 queries, 2208 with a match, gallery 112, 2 trials",
        f"re-ranked: {RERANKED}",
    ]


def test_re_rankings_that_differ_are_named_in_the_labels() -> None:
    other = RERANKED.replace("20", "30")
    annotated = annotate([(label, _result(ranking=ranking)) for label, ranking in (("a", RERANKED), ("b", other))])
    assert annotated.labels == [f"a re-ranked, {RERANKED}", f"b re-ranked, {other}"]
    assert annotated.notes[1:] == [f"re-ranked: {RERANKED}", f"re-ranked: {other}"]
