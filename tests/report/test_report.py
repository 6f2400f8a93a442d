from __future__ import annotations

import os
import re
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import spacrd
from spacrd._report import _words
from tests.making.scored import scored_adata
from tests.report.page import Page

HOSTILE = ("<script>document.title='taken'</script>", "\"onload='x' & $\\frac$")


def section_of(adata: AnnData, name: str = "one") -> dict[str, object]:
    return adata.uns["spacrd"]["spacrd"]["sections"][name]


def read(adata: AnnData | list[AnnData], folder: Path, **arguments: object) -> Page:
    return Page.read(spacrd.report(adata, folder / "report.html", **arguments))


def test_page_stands_alone_and_is_accessible(tmp_path: Path) -> None:
    page = read(scored_adata(libraries=("a", "b"), image=True), tmp_path)
    assert page.all("html")[0].attributes["lang"] == "en"
    assert page.all("title")[0].text == "Cancer likelihood: a, b"
    assert not page.all("iframe", "object", "embed", "form")
    for element in page.all("img"):
        assert element.attributes["src"].startswith("data:image/webp;base64,")
        assert element.attributes["alt"]
        assert int(element.attributes["width"]) > 100
    for element in page.elements:
        for name in ("src", "srcset", "href"):
            assert element.attributes.get(name, "#").startswith(("#", "data:"))
    assert "url(" not in page.all("style")[0].text and "@import" not in page.all("style")[0].text
    levels = [int(element.tag[1]) for element in page.all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1 and max(np.diff(levels)) <= 1
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(set(ids)) == len(ids)
    for element in page.elements:
        for name in ("href", "aria-labelledby"):
            if (target := element.attributes.get(name, "")) and not target.startswith("data:"):
                assert target.removeprefix("#") in ids
    for table in page.all("th"):
        assert table.attributes["scope"] in ("row", "col")
    assert len(page.all("img")) == 7  # the overview; map, image, distribution of each
    assert len(page.all("picture")) == 7  # a dark image counts in this element alone
    assert (tmp_path / "report.html").stat().st_size < 1_000_000


def test_numbers_are_those_of_the_object(tmp_path: Path) -> None:
    adata = scored_adata(200)
    section_of(adata).update(share_low=0.21, share_high=0.68)
    section_of(adata).update(
        verdict="tumour", expected_share=0.4321, gene_coverage=0.31, expression_distance=0.5, expression_limit=0.53
    )
    section_of(adata).update(median_counts=1234.0, depth_ratio=3.5, image_distance=float("nan"), verdict_reason="why")
    record = adata.uns["spacrd"]["spacrd"]
    record.update(model="abc123", recipe="default", calibrated_on=4, positive=["invasive", "in situ"], version="0.0.9")
    record.update(n_training=5, training_platforms="4 legacy ST, 1 Xenium", verdict_rates="with 5, often")
    text = read(adata, tmp_path).text()
    said = "The model was fitted on 5 sections (4 legacy ST, 1 Xenium). How often verdicts are right: with 5, often."
    assert f"Reason: why. {said}" in text
    assert "Treat with caution Genes" in text and "Counts per spot (median): " not in text
    n = int((adata.obs["spacrd_region"] == "cancer").sum())
    assert f"cancer {n} {n / 2:.1f} %" in text
    assert "Verdict: tumour Enough spots look like" in text
    assert "expects 43.2 % of the section" in text and "interval of 80 %: 21% to 68%" in text
    assert "likelihood of 0.50: two Gaussians" in text
    assert "Genes of the model found here 31.0 % Unusual." in text
    assert (
        "Distance in expression 0.50 Its expression is like that of the training sections (up to 0.53 is usual)."
        in text
    )
    assert "Distance in the image" not in text
    assert "1,234 A factor of 3.5 outside" in text
    for fact in (
        "model abc123",
        "recipe default (linear discriminants)",
        "calibrated on 4 held-out",
        "invasive, in situ",
        "scoring 0.0.9",
    ):
        assert fact in text
    assert f"this report {spacrd.__version__}" in text
    assert text.count("For research use only") == 2


def test_a_depth_just_beyond_is_not_called_one_time_beyond(tmp_path: Path) -> None:
    adata = scored_adata(60)
    section_of(adata).update(median_counts=1234.0, depth_ratio=1.01)
    assert "1,234 Just outside the range of the training sections" in read(adata, tmp_path).text()


def test_each_model_of_several_objects_has_a_table(tmp_path: Path) -> None:
    first, second = scored_adata(60), scored_adata(60, libraries=("two",), seed=1)
    first.uns["spacrd"]["spacrd"].update(model="aaa", version="0.0.8")
    second.uns["spacrd"]["spacrd"].update(model="bbb", version="0.0.9")
    page = read([first, second], tmp_path)
    assert [element.text for element in page.all("h2")][1:3] == ["Section one", "Section two"]
    assert page.all("h1")[0].text == "Cancer likelihood of 2 sections"
    assert "The model that scored one model aaa" in page.text()
    assert "The model that scored two model bbb" in page.text()
    assert "spacrd, scoring 0.0.8, 0.0.9" in page.text()
    second.uns["spacrd"]["spacrd"].update(model="aaa")
    assert read([first, second], tmp_path, overwrite=True).text().count("model aaa") == 1


def test_categories_of_ones_own_are_counted_too(tmp_path: Path) -> None:
    adata = scored_adata(100)
    tumour = adata.obs["spacrd_region"] == "cancer"
    adata.obs["spacrd_region"] = np.where(tumour, "<b>Tumor", "normal")
    page = read(adata, tmp_path)
    assert f"<b>Tumor {tumour.sum()} {tumour.mean() * 100:.1f} %" in page.text()
    assert f"normal {100 - tumour.sum()} {100 - tumour.mean() * 100:.1f} %" in page.text()


def test_names_are_text_whatever_they_hold(tmp_path: Path) -> None:
    page = read(scored_adata(libraries=HOSTILE), tmp_path)
    assert len(page.all("script")) == 1  # that of the overview
    assert not any(name.startswith("on") for element in page.elements for name in element.attributes)
    headings = [element.text for element in page.all("h2")]
    assert headings[1:3] == [f"Section {name}" for name in HOSTILE]


def test_what_a_reader_is_warned_of(tmp_path: Path) -> None:
    adata = scored_adata(120)
    assert "Treat with caution" not in read(adata, tmp_path).text()
    adata.obs.iloc[:30, adata.obs.columns.get_loc("spacrd_likelihood")] = np.nan
    adata.uns["spacrd"]["spacrd"]["calibrated_on"] = 0
    section_of(adata).update(
        in_training=True, verdict="no tumour", image_distance=2.5, image_limit=1.5, calls_withheld=True
    )
    text = read(adata, tmp_path, overwrite=True).text()
    said = text[text.index("Treat with caution") : text.index("Likelihood of cancer of every spot")]
    assert "fitted on this very section" in said
    assert "not calibrated" in said
    assert "Distance in the image: 2.50" in said
    assert "30 of 120 spots have no likelihood" in said
    assert "no proof that there is none" in text


def test_sections_unscored_without_mixture_record_or_image(tmp_path: Path) -> None:
    adata = scored_adata(60, libraries=("scored", "not"))
    rest = (adata.obs["library"] == "not").to_numpy()
    for column in ("spacrd_likelihood", "spacrd_region"):
        adata.obs.loc[rest, column] = None
    section_of(adata, "scored").update(
        mixture_means=[], mixture_sds=[], mixture_weights=[], threshold_method="0.5 (all likelihoods are equal)"
    )
    page = read(adata, tmp_path)
    assert "No spot of this section has a likelihood" in page.text()
    assert "as no better cut was found (all likelihoods are equal)." in page.text()
    assert "Number of spots by likelihood." in page.text()
    assert len(page.all("img")) == 3
    bare = scored_adata(60)
    del bare.uns["spacrd"], bare.obs["spacrd_region"]
    assert "Verdict: not recorded" in read(bare, tmp_path, overwrite=True).text()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("report.pdf", ValueError, "does not end in '.html'"),
        ("nowhere/report.html", FileNotFoundError, "There is no folder"),
        ("folder.html", IsADirectoryError, "is a folder"),
        ("there.html", FileExistsError, "overwrite=True"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused(
    name: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "there.html").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error, match=re.escape(message)):
        spacrd.report(scored_adata(), tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "there.html").read_text() == "mine"


def test_refuses_what_was_not_scored_or_not_by_this_model(tmp_path: Path) -> None:
    adata = scored_adata()
    with pytest.raises(KeyError, match=r"no result 'mine'. Available: 'spacrd'.*Run spacrd\.tl\.score first"):
        spacrd.report(adata, tmp_path / "r.html", key="mine")
    with pytest.raises(KeyError, match="Run spacrd.tl.score first"):
        spacrd.report(AnnData(adata.X), tmp_path / "r.html")
    with pytest.raises(TypeError, match="model must be a SpaCRD, got str"):
        spacrd.report(adata, tmp_path / "r.html", model="folder")  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="nothing"):
        spacrd.report(scored_adata(image=True), tmp_path / "r.html", image_key="nothing")
    assert not list(tmp_path.iterdir())


def test_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "r.html"
    file.write_text("mine")

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        spacrd.report(scored_adata(), file, overwrite=True)
    assert [*tmp_path.iterdir()] == [file]
    assert file.read_text() == "mine"


def test_leaves_object_styles_and_figures_alone(tmp_path: Path) -> None:
    adata = scored_adata(image=True)
    before, look = adata.copy(), mpl.rcParams.copy()
    with plt.style.context("ggplot"):
        file = spacrd.report(adata, tmp_path / "r.html")
    assert file == tmp_path / "r.html"
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    np.testing.assert_equal(dict(adata.uns), dict(before.uns))
    assert mpl.rcParams == look
    assert not plt.get_fignums()


def test_shares_and_thresholds_are_told_in_words() -> None:
    shares = (0, 0.0004, 0.005, 0.5, 0.9996, 1, np.nan)
    assert [*map(_words.percent, shares)] == ["0 %", "< 0.1 %", "0.5 %", "50.0 %", "> 99.9 %", "100 %", "not known"]
    assert (
        _words.threshold_sentence(0.7, "given")
        == "A spot is called cancer from a likelihood of 0.70: given by the user."
    )
    assert "over the possible shares of cancer" in _words.threshold_sentence(0.4, "expected_f1")
    assert _words.threshold_sentence(0.2, "gmm").endswith("without labels, cross there.")
    none = _words.threshold_sentence(1.0, "1 (no tumour, so nothing is called; was expected_f1)")
    assert none.endswith("(no tumour, so nothing is called).")
    assert _words.threshold_sentence(float("nan"), "") == "No threshold was recorded."


def test_the_verdict_of_an_adapted_section_says_that_labels_gave_it() -> None:
    report = {"verdict": "tumour", "verdict_reason": "a spot is annotated as cancer", "n_labelled": 20}
    record = {"n_training": 2, "verdict_rates": "often"}
    assert _words.meaning("tumour", report) == "Spots of this section are annotated as cancer."
    said = " ".join(_words.evidence(report, record))
    assert "adapted to 20 annotated spots" in said and "often" not in said
    assert "call this a section with tumour" in _words.meaning("tumour", {"n_labelled": 0})
    assert "often" in " ".join(_words.evidence({}, record))


def test_the_verdict_of_an_adapted_section_without_cancer_is_that_of_the_model() -> None:
    record = {"n_training": 3, "verdict_rates": "often"}
    for verdict, sentence in (("tumour", "Enough spots look like"), ("no tumour", "Nothing like the cancer")):
        report = {"verdict": verdict, "verdict_reason": "why", "n_labelled": 20}
        assert sentence in _words.meaning(verdict, report)
        assert "often" in " ".join(_words.evidence(report, record))
    said = _words.meaning("unclear", {"n_labelled": 20})
    assert "No spot of this section is annotated as cancer" in said and "assume" not in said


def test_sentences_on_an_adapted_section_of_a_model_of_one_section_agree(tmp_path: Path) -> None:
    adata = scored_adata(60)
    adata.uns["spacrd"]["spacrd"].update(calibrated_on=0, n_training=1, verdict_rates="")
    section_of(adata).update(verdict="unclear", n_labelled=20, expected_share=0.4, share_low=0.3, share_high=0.5)
    text = read(adata, tmp_path).text()
    assert "The model itself is not calibrated: the annotated spots of this section alone say how much" in text
    assert "there is no uncertainty" not in text
    assert "The adapted model expects 40.0 % of the section to be cancer" in text
    (row,) = spacrd.tl.summarise(adata).to_dict("records")
    assert row["warnings"] == "likelihoods are calibrated on 20 spots alone"


def test_the_report_says_what_depth_means(tmp_path: Path) -> None:
    adata = scored_adata(60)
    section_of(adata).update(median_counts=1234.0, depth_ratio=1.0)
    assert "which alone says little; within a section, spots with many" in read(adata, tmp_path).text()
